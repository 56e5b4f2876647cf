// Classes of pictures that stand in files of text beside them. Internal to io/import.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace annulus::io {

/// Classes of pictures that lie together, from files such as tiny-imagenet's val_annotations.txt.
class Annotations {
 public:
  static bool is_name(const std::string& name) { return name.ends_with("_annotations.txt"); }
  /// Lines of a file name and a class, and whatever follows behind a tab.
  /// @param name  of the file: its pictures lie in images/ beside it
  void add(const std::string& name, std::string_view text);
  /// @return "" for a picture that none names; else it lives as long as this
  std::string_view class_of(std::string_view picture) const;

 private:
  std::map<std::string, std::string, std::less<>> classes_;  ///< by path
};

/// A class of a list of synsets.
struct Synset {
  std::string folder;
  std::string name;
};

/// Lines of a folder and, behind a space or a tab, the name of its class: ImageNet's LOC_synset_mapping.txt,
/// or folders alone. Names that stand twice are told apart by their folders.
/// @throws DataError when it cannot be read, or has a folder twice
std::vector<Synset> read_synsets(const std::string& path);

}  // namespace annulus::io
