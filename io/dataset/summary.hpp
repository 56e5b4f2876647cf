// What is in a dataset file: for `annulus data info`.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/dataset/sample_source.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

struct PixelStatistics {
  double mean = 0;
  double deviation = 0;
  double smallest = 0;
  double largest = 0;
};

struct ColumnSummary {
  std::string name;  ///< within the split, e.g. "images"
  DatasetInfo info;
  std::string remark;  ///< why it cannot be read, or what is odd about it; mostly nothing
};

/// A group with images and labels.
struct SplitSummary {
  std::string name;
  std::uint64_t samples = 0;
  SampleShape shape;
  PixelType pixels = PixelType::uint8;
  std::vector<ColumnSummary> columns;       ///< images and labels included
  std::vector<std::string> classes;         ///< of its own, where the root names none
  std::vector<std::uint64_t> label_counts;  ///< per class; empty where the labels cannot be used
  std::string label_fault;                  ///< why they cannot, or nothing
  std::vector<PixelStatistics> statistics;  ///< per channel, when asked for; raw pixel units
  std::uint64_t pixel_bytes = 0;            ///< in memory
};

struct DatasetSummary {
  std::string path;
  std::uint64_t file_bytes = 0;
  std::string schema;  ///< "" for foreign files
  std::string description;
  std::vector<std::string> classes;
  std::vector<std::pair<std::string, std::string>> attributes;  ///< the other root attributes that are text
  std::vector<SplitSummary> splits;
  std::vector<ColumnSummary> others;  ///< datasets outside of such groups, by full name (foreign files)
  /// Groups with images and labels that are no split, and why: none of the three that a training takes by
  /// itself.
  std::vector<std::pair<std::string, std::string>> unusable;
};

enum class PixelScan { skip, read_all };

/// A dataset that cannot be read and that no split needs is described by a remark, and labels that are no
/// class numbers as they stand (they may count from 1) by SplitSummary::label_fault.
/// @throws DataError when the file cannot be read, or one of the groups train, validation and test breaks the
/// format otherwise
DatasetSummary describe_dataset(const std::string& path, PixelScan scan = PixelScan::skip);

/// Reads a few samples from the first to the last: what chunks are packed by, or where they are damaged,
/// shows only there. @return how many were read @throws DataError
std::uint64_t try_samples(SampleSource& source);
/// The same for the images of a split of a file.
std::uint64_t try_images(const std::string& path, const std::string& split);

/// Prints it for people.
void print_dataset(const DatasetSummary& summary, std::ostream& out);

}  // namespace annulus::io
