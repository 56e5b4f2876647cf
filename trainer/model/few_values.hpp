// Batch norms that take mean and variance over too few values to learn from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Fewer values a channel than this are noise rather than statistics.
constexpr std::int64_t kFewValues = 16;

/// Values a channel that a batch norm takes its statistics over in a training step of so many samples: those
/// of the smallest shard that is not empty, or of the step where `statistics: step` says so.
std::int64_t values_of_statistics(const BatchConfig& batch, const Layer& layer, std::int64_t step_samples);

/// @throws UsageError naming the batch norms whose full shards give them one value a channel, with what would
/// do
void require_statistics(const Config& config);

/// Sentences about batch norms over fewer than kFewValues values.
/// @param samples  of an epoch, whose last step may be a short one; 0 = not known
std::vector<std::string> few_values(const Config& config, std::uint64_t samples = 0);

}  // namespace annulus::trainer
