// The second half of every importer: splits that are known by now are written as a dataset. Internal to
// io/import.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/shape.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/import/import.hpp"

namespace annulus::io {

/// One split, whose images are handed out by row.
struct ImportSplit {
  std::string name;  ///< "train", "validation", "test"
  std::vector<std::int32_t> labels;
  /// Writes the H*W*C values of a row.
  std::function<void(std::uint64_t row, std::span<std::byte> pixels)> pixels;
};

struct ImportedData {
  SampleShape shape;
  PixelType pixels = PixelType::uint8;
  std::vector<std::string> classes;
  std::string description;  ///< used when the options give none
  std::vector<std::pair<std::string, std::string>> provenance;
  std::vector<ImportSplit> splits;
  std::vector<std::string> columns = {};  ///< names of the values of flat samples, or none
  bool labelled = true;                   ///< false: the file has neither labels nor classes
  /// Hash of all that the pixels follow from, beside what stands in this data; 0: not known. With it parts
  /// that a killed import has written are used again.
  std::uint64_t pixels_hash = 0;
  /// Called on the first rank when the output is there: removes what a killed import would need again.
  std::function<void()> before_end = {};
};

/// Checks what all importers have in common before a long read starts, and makes the folder of the output.
/// All ranks call it.
/// @throws UsageError
void check_import_options(const ImportOptions& options);

/// Writes the file, or this rank's parts and, on the first rank, their names: all ranks call it with the same
/// data. A validation fraction is taken from `train`, of every class
/// (io/dataset/stratified_choice.hpp), in the stored order.
void write_imported(const ImportOptions& options, ImportedData data, const ProgressCallback& progress);

/// Calls the callback when there is one.
void report(const ProgressCallback& progress, std::uint64_t done, std::uint64_t total,
            const std::string& what);

/// The last part of a path, for messages and provenance.
std::string file_name(const std::string& path);

}  // namespace annulus::io
