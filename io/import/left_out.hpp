// What an import of pictures passes over, so that nothing vanishes without a word. Internal to io/import.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace annulus::io {

/// What a folder holds itself beside pictures that are read.
struct FolderContents {
  std::uint64_t unread_pictures = 0;  ///< of formats that are not read
  std::uint64_t damaged_pictures = 0;
  std::uint64_t other_files = 0;
  std::string example;  ///< one of the former, or else of the latter
};

/// Hidden files and folders ("._photo.jpg", ".thumbnails/", "__MACOSX/", "@eaDir/") are leftovers of
/// desktops, not data.
bool is_hidden(const std::string& name);

/// Counts what is left out, by kind.
class LeftOut {
 public:
  /// A file that is not imported.
  void add_file(const std::string& name);
  /// A picture that cannot be decoded.
  void add_damaged(const std::string& name);
  /// A folder, whatever it holds. Hidden ones do not count.
  void add_folder(const std::string& name);

  /// Folders by name, hidden ones aside: those added, and those of the files added.
  const std::map<std::string, FolderContents>& folders() const { return folders_; }

  /// A sentence for each kind that may have been meant to be imported: pictures, archives. None when there
  /// was none.
  std::vector<std::string> warnings() const;
  /// The same for other files and hidden ones.
  std::vector<std::string> remarks() const;
  /// What there was in the place of pictures: "WebP 3, GIF 1", or archives; "" for neither.
  std::string instead_of_pictures() const;

 private:
  struct Kind {
    std::uint64_t count = 0;
    std::string example;
    void add(const std::string& name);
  };
  std::map<std::string, FolderContents> folders_;
  std::map<std::string, std::uint64_t> formats_;
  Kind pictures_, archives_, others_, hidden_;
};

}  // namespace annulus::io
