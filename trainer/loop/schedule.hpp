// The learning rate as a pure function of the step, so that a resumed run continues where it stood.
#pragma once

#include <cstdint>

#include "trainer/model/schedule_config.hpp"

namespace annulus::trainer {

/// Rate of the update number `step` (counted from 0 over the whole run).
///
/// Warm-up (Goyal et al. 2017, section 2.2): the first w = warmup_epochs * steps_per_epoch steps rise
/// linearly to the schedule's first value, step s using (s + 1) / w of it, so no step has rate 0. Afterwards:
///  - constant: base;
///  - step: base * gamma^floor(epoch / step_epochs), epochs counted from the start of the run;
///  - cosine: from base to base * final_fraction over the steps that remain after warm-up, the final value
///    standing where the run ends (Loshchilov & Hutter 2017, equation 5);
///  - one_cycle: two half cosines, start_fraction -> 1 -> final_fraction, turning at `peak` of the steps that
///    remain; the last step has exactly the final value (Smith & Topin 2018; PyTorch's OneCycleLR).
/// Past the end of the run the rate of the end is kept.
/// @param base  OptimizerConfig::learning_rate   @param total_epochs  length of the run, may be a fraction
/// @pre steps_per_epoch > 0
double learning_rate(const ScheduleConfig& schedule, double base, double total_epochs, std::uint64_t step,
                     std::uint64_t steps_per_epoch);

}  // namespace annulus::trainer
