// Where a file keeps its splits, and what a configuration has to say for a training to read them there.
// Internal to io/survey, but for the keys.
//
// In: the names, shapes and types of the datasets of a file.
// Out: images and labels of each split, and the keys of `data` that name them.
// Invariant: names decide, never values; what cannot be told from them is left to the user.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/dataset/image_axes.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

/// The datasets of a split as a configuration names them: inside a group, "/" is the root.
struct SplitPlace {
  std::string group;
  std::string images;
  std::string labels;  ///< "" = none

  std::string images_path() const;
  std::string labels_path() const;  ///< "" without labels
};

struct FoundSplits {
  std::optional<SplitPlace> train;
  std::optional<SplitPlace> validation;
  std::optional<SplitPlace> test;
};

/// Which split a name speaks of: "train", "validation", "test", or "" for none.
std::string split_of_name(const std::string& name);

/// Splits among the groups that hold `images` and `labels`. @param groups  their names
FoundSplits splits_of_groups(const std::vector<std::string>& groups);

/// Splits among all other names of a file: `x_train` and `y_train` in the root, `train/data` and
/// `train/target`, or images and labels alone. What fits twice is not found.
FoundSplits guess_splits(const Hdf5File& file);

/// The order of axes that images seem to have: that of a program which writes them in reverse, or channels
/// first where few channels come before many rows and columns; `automatic` for images as they are usual.
ImageAxes guess_axes(const Hdf5File& file, const std::string& images);

/// A key of the group `data` of a configuration, and its value.
using DataKeys = std::vector<std::pair<std::string, std::string>>;

/// What is not default of what a configuration has to say. @pre splits.train
DataKeys data_keys(const FoundSplits& splits, ImageAxes axes, std::int64_t first_label);

/// "data: {path: mnist.h5, train: /, images: x_train}": a line of YAML. Several files become the list
/// `files`.
std::string config_line(std::span<const std::string> files, const DataKeys& keys);

/// " data.train=/ data.images=x_train": words for a command line, as a shell takes them.
std::string command_words(const DataKeys& keys);

/// A word as a shell takes it, in quotation marks where it needs them.
std::string shell_word(const std::string& text);

}  // namespace annulus::io
