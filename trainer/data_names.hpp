// Where a config finds the datasets of a split: in a group of its own, or side by side in the root of the
// file.
#pragma once

#include <string>
#include <vector>

#include "trainer/data_splits.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// HDF5 paths.
struct SplitNames {
  std::string group;
  std::string images;
  std::string labels;  ///< "" for data without
  /// Files and patterns that hold the images, and those that hold the labels; none: data.path, or the same.
  std::vector<std::string> files = {};
  std::vector<std::string> label_files = {};

  bool operator==(const SplitNames&) const = default;
};

/// A name inside a group; "/" is the root.
std::string in_group(const std::string& group, const std::string& name);

SplitNames names_of(const Config& config, Split split);

/// Names for a group that a user asks for. "train", "validation" and "test" also mean the split of the config
/// where the file has no such group with images.
SplitNames names_of(const Config& config, const std::string& group);

/// @throws DataError where the datasets of a split are not where the config looks for them, but lie in the
/// root of the file: with the keys that name them
void check_names(const Config& config, const SplitNames& names);

/// @throws UsageError where a config would validate on the training samples themselves
void check_validates_on_others(const Config& config, const SplitNames& names);

}  // namespace annulus::trainer
