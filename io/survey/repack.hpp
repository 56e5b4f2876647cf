// Writes dataset files anew, whatever their form: in a random order, in chunks of whole images, as one file
// or several.
//
// In: files, and the names under which a training would read their splits.
// Out: a dataset file (docs/data-format.md) with the splits of all of them, further columns, names of classes
// and columns, and where all came from.
// Invariant: every row comes exactly once; the same input, options and seed give the same bytes. The output
// is complete or absent. Memory is bounded by the options, four bytes a row for its label and four for its
// place aside. Next: repack_rows.hpp (what a row is made of), row_order.hpp (the order).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/files/existing.hpp"

namespace annulus::io {

/// A split of an input, as a training would open it.
struct RepackSplit {
  std::string name;  ///< "train", "validation", "test": of the output
  DatasetOptions data;
  std::vector<std::string> columns = {};  ///< further datasets of as many rows, by full name
};

/// Numeric datasets of a group that have a row for each image, images and labels aside: full names.
/// @param left_out  gets what has as many rows and is not numeric
std::vector<std::string> columns_of(const std::string& path, const std::string& group,
                                    const RepackSplit& split, std::vector<std::string>& left_out);

struct RepackOptions {
  std::vector<std::vector<RepackSplit>>
      inputs;  ///< splits of each file; equal names are joined in this order
  std::string output;
  Existing existing = Existing::refuse;
  bool shuffle = true;
  std::uint64_t seed = 0;
  double validation_fraction = 0;  ///< of every class of train, which becomes the split validation; 0: none
  std::int64_t chunk_rows = 0;     ///< 0: of about half a megabyte, 128 where that fits
  int deflate = 0;
  std::uint64_t shards = 0;  ///< files; 0: one under the output's own name
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  std::string description;  ///< "": that of the first input
  std::string program;      ///< for the provenance
};

/// Called now and then. @param what  "reading train", "writing test"
using RepackProgress = std::function<void(std::uint64_t done, std::uint64_t total, const std::string& what)>;

/// @return the files that were written
/// @throws UsageError, DataError, RuntimeError
std::vector<std::string> repack(const RepackOptions& options, const RepackProgress& progress);

/// Images of a chunk that is neither a tiny read nor a large one.
std::int64_t good_chunk_rows(std::uint64_t image_bytes, bool flat);

}  // namespace annulus::io
