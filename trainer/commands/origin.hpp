// What a checkpoint says about how its model came to be: whoever judges the model has to know.
#pragma once

#include <string>

#include "comm/ranks/process_group.hpp"
#include "trainer/commands/common/load.hpp"

namespace annulus::trainer {

struct ModelOrigin {
  std::string training_data;    ///< data_fingerprint() of the training samples
  std::string validated_on;     ///< name of the samples that it was validated on
  std::string validation_data;  ///< their fingerprint; "" = not known, or nothing was
  bool chosen = false;          ///< by that validation: as the best model so far, or as the one to stop at
  /// Of a version that did not note the validation: the best of a run that most likely validated on
  /// data.test.
  bool probably_by_test = false;
};

/// Rank 0 reads the checkpoint, and tells the others. Collective. @throws DataError, on all ranks
ModelOrigin origin_of(const ModelSource& source, comm::ProcessGroup& group);

/// A sentence when the very samples that judge the model now have chosen it; else "".
/// @param split      what the user calls these samples
/// @param judged_on  their fingerprint
std::string remark_on_choice(const ModelOrigin& origin, const Config& config, const std::string& split,
                             const std::string& judged_on);

}  // namespace annulus::trainer
