// A split of several files as rows of bytes: the pixels of an image, and behind them the values of its
// further columns as they are stored. Internal to io/survey.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/dataset/columns.hpp"
#include "io/survey/repack.hpp"

namespace annulus::io {

/// A further column, alike in all files.
struct RepackColumn {
  std::string name;  ///< inside the group of the output
  ElementType type = ElementType::float32;
  Extents extents;  ///< (0, ...)
  std::size_t row_bytes = 0;
  std::vector<std::string> names = {};  ///< attribute `columns`, or none
};

class RepackRows {
 public:
  /// @param parts  the split of each file, all of one name   @throws DataError where they do not fit together
  explicit RepackRows(const std::vector<RepackSplit>& parts);

  const std::string& name() const { return name_; }
  std::uint64_t rows() const { return labels_.size(); }
  std::size_t row_bytes() const { return pixel_bytes_ + column_bytes_; }
  std::size_t pixel_bytes() const { return pixel_bytes_; }
  const std::vector<RepackColumn>& columns() const { return columns_; }
  const std::vector<std::int32_t>& labels() const { return labels_; }
  /// Of each file, in their order.
  const std::vector<SourceInfo>& infos() const { return infos_; }
  const SourceInfo& info() const { return infos_.front(); }
  /// Where the first one is.
  const DatasetOptions& first() const { return parts_.front().split.data; }
  /// Rows to read at a time: whole chunks, some megabytes.
  std::uint64_t step() const;

  /// One file is open at a time. @param rows  count * row_bytes()   @throws DataError
  void read(std::uint64_t first, std::uint64_t count, std::span<std::byte> rows) const;

 private:
  /// Of a file that is closed meanwhile.
  struct FileState {
    explicit FileState(const std::string& path);
    bool operator==(const FileState&) const = default;
    std::uint64_t bytes;
    std::filesystem::file_time_type written;
  };
  struct Part {
    RepackSplit split;
    FileState state;
    std::uint64_t begin = 0;  ///< its first row among all
    std::uint64_t rows = 0;
  };
  struct Opened {
    const Part* part = nullptr;
    std::unique_ptr<DatasetColumns> images;
    std::unique_ptr<Hdf5File> file;
    std::vector<Hdf5Dataset> columns;  ///< in the order of columns_
  };
  void add(const RepackSplit& split);
  void add_columns(const RepackSplit& split, const Hdf5File& file, std::uint64_t rows);
  void check_alike(const SourceInfo& other) const;
  const Opened& open(const Part& part) const;
  void read_part(const Part& part, std::uint64_t first, std::uint64_t count, std::span<std::byte> rows) const;

  std::string name_;
  std::deque<Part> parts_;
  std::vector<SourceInfo> infos_;
  std::vector<RepackColumn> columns_;
  std::size_t pixel_bytes_ = 0;
  std::size_t column_bytes_ = 0;
  std::uint64_t longest_chunk_ = 1;
  std::vector<std::int32_t> labels_;
  mutable Opened opened_;
};

}  // namespace annulus::io
