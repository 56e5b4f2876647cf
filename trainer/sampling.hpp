// How often each training sample is drawn: from data.sampling to counts, and what is said about them.
#pragma once

#include <memory>
#include <string>

#include "io/dataset/sample_source.hpp"
#include "io/loading/draws.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// @return null where every sample is drawn once an epoch
/// @throws UsageError where classes that shall be drawn are not among the samples, and where all samples have
/// the weight 0, also of their losses
std::shared_ptr<const io::DrawCounts> draw_counts(const Config& config, const io::SampleSource& training);

/// What the draws of the first epoch come to, class by class, as a sentence for the log.
std::string describe_draws(const Config& config, const io::SampleSource& training,
                           const io::DrawCounts& draws);

}  // namespace annulus::trainer
