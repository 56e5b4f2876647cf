// Class numbers out of the datasets that people keep them in. Internal to io/dataset.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5/file.hpp"

namespace annulus::io {

/// What labels have to be.
struct LabelRules {
  std::uint64_t samples = 0;  ///< as many as images; 0 = unknown
  std::uint64_t classes = 0;  ///< 0 = unknown: anything up to a million is taken
  std::int64_t first = 0;     ///< the number of the first class in the file
};

struct Labels {
  std::vector<std::int32_t> numbers;  ///< from 0: `first` is taken off
  std::int64_t smallest = 0;          ///< as the file has it
  std::string note;                   ///< one sentence about what was converted, or nothing
};

/// Number of labels in a dataset. @param samples  of images: a row of as many labels is not one of one-hot
std::uint64_t count_labels(const DatasetInfo& info, std::uint64_t samples);

/// Reads labels: whole numbers of any type, bool included, of the shape (N), with further extents of 1, or
/// (1, N) as MATLAB writes a column; or (N, K) with a single 1 in each row (one-hot).
/// @throws DataError for what says no class number, naming the row
Labels read_labels(const Hdf5File& file, const std::string& name, const LabelRules& rules);

}  // namespace annulus::io
