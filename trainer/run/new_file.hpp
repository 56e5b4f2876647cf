// A text file that is made anew piece by piece, however long it is.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace annulus::trainer {

/// A file that is made anew piece by piece and then takes the place of the old one, whole or not at all.
class NewFile {
 public:
  /// @throws RuntimeError when it cannot be written, as the others do
  explicit NewFile(std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void add(std::string_view text);
  /// Adds bytes [begin, end) of another file. @throws DataError when they cannot be read
  void add_from(const std::string& source, std::uint64_t begin, std::uint64_t end);
  /// Without it the old file stays as it is.
  void publish();

 private:
  std::string path_;
  std::string partial_;
  std::ofstream file_;
};

}  // namespace annulus::trainer
