// What is in a dataset file, and what a training meets in it: for `annulus data info`.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/dataset/sample_source.hpp"
#include "io/hdf5/file.hpp"
#include "io/survey/duplicates.hpp"
#include "io/survey/found_splits.hpp"
#include "io/survey/layout_cost.hpp"
#include "io/survey/pixel_scan.hpp"

namespace annulus::io {

struct ColumnSummary {
  std::string name;  ///< within the split, e.g. "images"
  DatasetInfo info;
  std::string remark;  ///< why it cannot be read, or what is odd about it; mostly nothing
};

/// Images and labels that belong together, most often a group.
struct SplitSummary {
  std::string name;    ///< of its group; of datasets found by their names the split that these speak of
  std::string images;  ///< full names
  std::string labels;
  std::uint64_t samples = 0;
  SampleShape shape;
  ImageAxes axes = ImageAxes::automatic;  ///< in which `shape` reads the images; guessed
  PixelType pixels = PixelType::uint8;
  std::vector<ColumnSummary> columns;       ///< images and labels included
  std::vector<std::string> classes;         ///< of its own, where the root names none
  std::vector<std::uint64_t> label_counts;  ///< per class; empty where the labels cannot be used
  std::string label_fault;                  ///< why they cannot, or nothing
  std::int64_t smallest_label = 0;          ///< as the file has it
  bool from_one = false;                    ///< labels count from 1, as far as this split can tell
  double label_run = 1;                     ///< rows of one label that follow one another, in the mean
  bool sorted_by_class = false;             ///< these are many more than chance makes
  std::vector<PixelStatistics> statistics;  ///< per channel, when asked for; raw pixel units
  std::uint64_t looked_at = 0;              ///< images that the statistics are of
  std::string pixel_fault;                  ///< why a sample of the pixels could not be read, or nothing
  std::uint64_t pixel_bytes = 0;            ///< in memory
  DatasetInfo stored;                       ///< of the images
  LayoutCost layout;
};

struct DatasetSummary {
  std::string path;
  PixelScan scan = PixelScan::skip;  ///< that the statistics come from
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
  FoundSplits found;                 ///< those that a training reads
  DataKeys keys;                     ///< what a configuration has to say for that
  std::vector<std::string> remarks;  ///< what was guessed, and why there is nothing to read
};

/// A dataset that cannot be read and that no split needs is described by a remark, and labels that are no
/// class numbers as they stand (they may count from 1) by SplitSummary::label_fault. Where no group holds
/// `images` and `labels`, splits are looked for by the names of datasets (io/survey/found_splits.hpp).
/// @throws DataError when the file cannot be read, or one of the groups train, validation and test breaks the
/// format otherwise
DatasetSummary describe_dataset(const std::string& path, PixelScan scan = PixelScan::skip);

/// Reads all pixels and compares them. @throws DataError
Duplicates find_duplicates(const DatasetSummary& summary);

/// Reads a few samples from the first to the last: what chunks are packed by, or where they are damaged,
/// shows only there. @return how many were read @throws DataError
std::uint64_t try_samples(SampleSource& source);
/// The same for a dataset of images.
std::uint64_t try_images(const std::string& path, const std::string& images);

/// Prints it for people.
void print_dataset(const DatasetSummary& summary, std::ostream& out);

/// Samples and classes of several files together, and the line that reads all of them.
void print_sum(std::span<const DatasetSummary> files, std::ostream& out);

/// Why a training would read the file better after `annulus data repack`, or nothing.
std::string reason_to_repack(const DatasetSummary& summary);

}  // namespace annulus::io
