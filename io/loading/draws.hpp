// How often each sample is drawn in an epoch, where not every one is drawn once.
//
// In: labels and the shares of their classes, or weights of the samples; a seed.
// Out: for every epoch a count for each sample. An epoch has as many draws as there are samples.
// Invariant: counts are a pure function of (seed, epoch). Ranks, shards, batches, a resume and the order in
// which the draws come have no part in them.
// Next: sharded_sampler.cpp, which shuffles the draws of an epoch as it shuffles samples.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace annulus::io {

/// Samples that draws can be counted for, so that counts and their places in tables take four bytes.
constexpr std::uint64_t kMostDrawnSamples = std::uint64_t{1} << 32;

class DrawCounts {
 public:
  virtual ~DrawCounts() = default;
  /// Draws of every sample in an epoch (N); their sum is N. Takes a fraction of a second per million.
  virtual std::vector<std::uint32_t> counts(std::uint64_t epoch) const = 0;
};

/// Every class gets its share of the draws of an epoch, rounded so that after any number of epochs it is off
/// by less than one draw in all. Inside a class the draws walk through permutations of its samples, one after
/// the other and on from epoch to epoch: after any number of epochs two samples of a class have been drawn
/// equally often, but for one draw.
/// @param labels  (N) in [0, classes)
/// @param shares  of the classes, >= 0, in any unit, as many as the largest label asks for or more; empty:
///                equal ones
/// @pre a class without samples has no share; a share is above 0
std::unique_ptr<const DrawCounts> make_balanced_draws(std::span<const std::int32_t> labels,
                                                      const std::vector<float>& shares, std::uint64_t seed);

/// Sample i is drawn N w_i / (sum of w) times, rounded up or down, and every class as often as its weights
/// say, to a draw: systematic resampling (Carpenter, Clifford and Fearnhead, "Improved particle filter for
/// nonlinear problems", 1999) of the samples sorted by class. Its offset walks from epoch to epoch by the
/// golden ratio, so that what rounding takes in one epoch comes back in the next ones.
/// @param weights  (N) finite, >= 0, one of them above 0   @param labels  (N)
std::unique_ptr<const DrawCounts> make_weighted_draws(std::span<const float> weights,
                                                      std::span<const std::int32_t> labels,
                                                      std::uint64_t seed);

}  // namespace annulus::io
