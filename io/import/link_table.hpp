// The links inside an archive: a file of it may be known by further names. Internal to io/import.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace annulus::io {

/// Links by what they point to. Names are paths inside the archive, with '/' and without a leading "./".
class LinkTable {
 public:
  /// @param archive  for messages
  explicit LinkTable(std::string archive) : archive_(std::move(archive)) {}

  /// @param target  as it is written: seen from the link's own folder
  void add_symbolic(const std::string& name, const std::string& target);
  /// @param target  as it is written: seen from the archive's root
  void add_hard(const std::string& name, const std::string& target);
  bool empty() const { return links_.empty(); }

  /// The names by which `file` is known through links to it, to folders above it, and through links to such
  /// links. A link that lies in what it points to is a circle and gives none. @throws DataError when they are
  /// absurdly many
  std::vector<std::string> names_of(const std::string& file);

  /// Links for which no file has been asked so far, as "name -> target", in the order of adding.
  std::vector<std::string> dead() const;

 private:
  struct Link {
    std::string name;
    std::string written;
    bool used = false;
  };
  void add(const std::string& name, const std::string& written, const std::string& resolved);

  void append_names_of(const std::string& name, std::vector<std::string>& names);

  std::string archive_;
  std::vector<Link> links_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_target_;
};

/// "a//b/../c" -> "a/c"; "" when it leads to the root or above.
std::string resolved_path(const std::string& path);

}  // namespace annulus::io
