// Steps whose numbers are bad, as a run remembers them, and what follows from that for the steps to come.
// Everything here is a function of the state that checkpoints hold, so a resumed run decides as the first one
// did.
#pragma once

#include <array>
#include <cstdint>

#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Mean losses of the last good steps, oldest first.
struct RecentLosses {
  std::array<double, kMostRecentLosses + 1> values{};
  int count = 0;
  std::uint64_t last_step = 0;  ///< whose loss is the newest

  void add(std::uint64_t step, double loss);
};

/// What went wrong so far. Part of RunState, so plain bytes.
struct AnomalyHistory {
  std::uint64_t skipped = 0;                              ///< steps of the run that changed nothing
  int skipped_in_a_row = 0;                               ///< up to now
  std::array<std::uint64_t, kMostRollbacks> went_back{};  ///< bad steps for which the run went back
  int rollbacks = 0;                                      ///< how many of them
  RecentLosses losses;                                    ///< kept only when spikes are looked for
};

/// The mean loss above which `step` (from 1 on) is a spike; Inf when none is. It follows from the good steps
/// up to the one before the last, since a GPU begins a step before it knows what came of the last.
double loss_limit(const AnomalyConfig& config, const RecentLosses& losses, std::uint64_t step);

/// Whether the run went back for this step, or for one shortly after it, and is to go past it now.
bool passes_over(const AnomalyConfig& config, const AnomalyHistory& history, std::uint64_t step);

}  // namespace annulus::trainer
