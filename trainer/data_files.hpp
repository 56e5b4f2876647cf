// The files that a config names for its splits: one (data.path) or many (data.files).
#pragma once

#include <string>
#include <vector>

#include "trainer/data_names.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Whether there is a file at all: samples can also be made.
bool names_files(const DataConfig& data);

/// What stands for them in a message: "data.h5", "train-*.h5", "a.h5 and 7 more".
std::string files_text(const DataConfig& data);

/// The files of a split, patterns replaced by what matches them. @throws DataError
std::vector<std::string> image_files(const DataConfig& data, const SplitNames& names);
/// Those of its labels; empty: they lie beside the images. @throws DataError as above, and where they are
/// not as many
std::vector<std::string> label_files(const DataConfig& data, const SplitNames& names);

/// Whether one of the files has such a group or dataset. Opens them one after another up to the first one
/// that has.
bool any_has(const std::vector<std::string>& files, const std::string& name);

/// Overrides that put other files in the place of all that a config names.
std::vector<std::string> overrides_for(const std::vector<std::string>& files);

}  // namespace annulus::trainer
