// Files one after another from a folder or an archive, read into memory: nothing is unpacked to disk, and no
// size that an archive claims is trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace annulus::io {

/// One file. `name` is its path inside the source, with '/' and without "./" or '/' at its beginning.
struct SourceFile {
  std::string name;
  std::vector<std::byte> contents;
};

struct FileLimits {
  std::uint64_t file_bytes = std::uint64_t{64} << 20;  ///< a single wanted file
  std::uint64_t files = 50'000'000;                    ///< entries of any kind
};

class FileSource {
 public:
  virtual ~FileSource() = default;
  /// Reads the next regular file whose name `wanted` accepts; the others are skipped unread.
  /// @return false at the end   @throws DataError naming source and entry: damaged, truncated, too large
  virtual bool next(const std::function<bool(const std::string& name)>& wanted, SourceFile& file) = 0;
  /// Hash of what tells this source from another, or from itself before a change: names, sizes, times.
  virtual std::uint64_t identity() const = 0;
  // Whole at the end:
  /// Folders that the source lists, also those without files.
  virtual const std::vector<std::string>& folders() const = 0;
  /// Links that lead to no file or folder of the source, or in a circle, as "name -> target".
  virtual std::vector<std::string> dead_links() const = 0;
  /// Of the source, how much has been read and how much there is (bytes of an archive, files of a folder).
  virtual std::uint64_t done() const = 0;
  virtual std::uint64_t total() const = 0;
};

/// Opens a folder (files in order of their names), or an archive (its own order): tar, plain or compressed
/// with gzip, xz, bzip2 or zstd, or zip. Links, symbolic and hard, to files and to folders, are followed:
/// those of a folder wherever they lead, those of an archive to what it holds itself (in a second pass,
/// behind everything else).
/// @throws DataError when there is nothing, or nothing of that kind
std::unique_ptr<FileSource> open_files(const std::string& path, const FileLimits& limits = {});

/// Reads one file, uncompressing gzip; the checksum in the gzip trailer is verified.
/// @throws DataError when it is missing, damaged, truncated or larger than `most_bytes`
std::vector<std::byte> read_gzip_or_plain(const std::string& path, std::uint64_t most_bytes);

/// Hash of a file's size and time of writing. @throws DataError when it cannot be looked at
std::uint64_t file_version(const std::string& path);

/// Hash of bytes that goes into provenance: XXH64, 16 hexadecimal digits.
std::string content_hash(const std::vector<std::byte>& contents);

}  // namespace annulus::io
