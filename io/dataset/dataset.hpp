// A split of an HDF5 dataset file as a sample source: resident in memory (once per node) when it fits the
// budget, streamed from disk otherwise.
//
// In: a file and the names of its datasets.
// Out: a SampleSource: rows by number, shapes and classes that have been checked.
// Invariant: a row is the same whether it is resident or streamed; every rank sees the same source.
// Next: sample_source.hpp (all that a loader knows of it), columns.hpp (the checks), streaming.hpp,
// writer.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/node_memory.hpp"
#include "io/dataset/image_axes.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// A dataset of float rows that belongs to the images: (N, F), or (N) for one value per sample; float32, or
/// other numbers, which are read as float32.
struct VectorColumn {
  std::string name;     ///< of the network's input
  std::string dataset;  ///< HDF5 path
};

/// What to do with float images and vectors that hold NaN or Inf.
enum class NotFinite {
  refuse,  ///< reading them throws
  keep,    ///< the values are given out as they are: whoever trains on them deals with it
};

/// Which data sets of which file. Names are HDF5 paths, so foreign files work too.
struct DatasetOptions {
  std::string path;
  /// Instead of `path`: files that are one data set, each with the same names. A file without the group of
  /// the images is passed over.
  std::vector<std::string> files = {};
  /// Where the labels lie, one for each of `files`; empty: beside the images.
  std::vector<std::string> label_files = {};
  /// Groups of which RowsOfFiles::has() shall know whether a file has them; a few.
  std::vector<std::string> look_for = {};
  /// (N, H, W, C), (N, H, W) or `axes`, or flat vectors (N, values); numbers of any type
  std::string images = "train/images";
  /// (N), (N, 1) or one-hot (N, K), whole numbers of any type; "" = none, all labels read as 0
  std::string labels = "train/labels";
  /// A weight for each sample: (N) or (N, 1), numbers of any type from 0; "" = none
  std::string weights = {};
  ImageAxes axes = ImageAxes::automatic;
  std::int64_t first_label = 0;  ///< number of the first class in the file; a source's labels count from 0
  std::vector<VectorColumn> vectors = {};                 ///< in the order in which samples hold them
  std::uint64_t limit = 0;                                ///< use only the first `limit` samples; 0 = all
  std::uint64_t resident_bytes = std::uint64_t{4} << 30;  ///< keep in memory up to this size
  /// Streaming keeps at most this much in memory per rank. Less than the shuffle window (window_chunks times
  /// a chunk's bytes) and a quarter more, and chunks are read again and again.
  std::uint64_t cache_bytes = std::uint64_t{256} << 20;
  NotFinite not_finite = NotFinite::refuse;
};

/// Fewer where the system allows few (`ulimit -n`).
constexpr std::size_t kMostOpenFiles = 64;

/// Opens and validates: shapes, types, counts, label range, class names (without a `classes` attribute
/// the names are "0" to the largest label). Float images and vectors must be finite, unless options say
/// otherwise: checked when they are read. What is converted is said in the log. Nobody may write to the
/// file while it is streamed: check_unchanged() throws then. Collective over the ranks of a host when the
/// data become resident; a rank that cannot read makes all of them throw.
/// Of many files the labels are read at the beginning, the ranks of a host sharing the work (then it is
/// collective in any case); of streamed ones at most kMostOpenFiles are open at a time.
/// @param memory  where resident data live (shared by the ranks of a node, or private)
/// @throws DataError naming file, dataset, row and what to try
std::unique_ptr<SampleSource> open_dataset(const DatasetOptions& options, const NodeMemoryFactory& memory);

}  // namespace annulus::io
