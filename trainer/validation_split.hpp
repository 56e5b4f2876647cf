// What a training is judged on: a group of the data file, or a part of the training samples that training
// never sees.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/node_memory.hpp"
#include "io/dataset/sample_source.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// The group's name when data.validation names none.
constexpr const char* kValidationGroup = "validation";

/// What data.validation says when there shall be no validation.
constexpr const char* kNoValidation = "none";

/// The group of data.path to validate on: the one that data.validation names; else `validation`, else
/// data.test.
/// @return "" when there is none, or none is wanted
/// @throws UsageError when the one that is named is not there, with the groups that are; when
/// data.validation_fraction asks for a part of the training samples although there is a group for validation;
/// when data.validation_images or data.validation_labels name data sets of a group that is not read
/// @param training  the many files of the training samples, where they were opened before; null: they were
/// not, or there is one file
std::string find_validation_group(const Config& config, const io::RowsOfFiles* training = nullptr);

/// Training samples in two parts: the same on every rank and in every start.
struct SplitTraining {
  std::unique_ptr<io::SampleSource> training;
  std::unique_ptr<io::SampleSource> validation;
};

/// Makes the two parts (io/dataset/stratified_choice.hpp). Where the whole is streamed, the part for
/// validation is read into memory that the ranks of a host share, if data.resident_mb or data.window_mb are
/// enough for it, or every validation would read the whole file. Collective over the ranks of a host.
/// @param open  opens all training samples; called a second time when they are streamed
SplitTraining split_training(const Config& config,
                             const std::function<std::unique_ptr<io::SampleSource>()>& open,
                             const NodeMemoryFactory& memory);

/// Says what nobody should find out from the figures: that the test samples choose the model, or that nothing
/// does.
/// @param validated_on  see TrainingData::validated_on
/// @throws UsageError when something is to be decided by a validation, and there is nothing to validate on
void announce_validation(const Config& config, const std::string& validated_on);

}  // namespace annulus::trainer
