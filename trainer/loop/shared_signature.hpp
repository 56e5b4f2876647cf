// One signature of the training data for all ranks.
#pragma once

#include <optional>

#include "comm/ranks/process_group.hpp"
#include "io/dataset/signature.hpp"

namespace annulus::trainer {

/// Rank 0's becomes everybody's. Collective.
void share_signature(comm::ProcessGroup& group, std::optional<io::DataSignature>& signature);

}  // namespace annulus::trainer
