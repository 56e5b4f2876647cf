// What a machine makes of a shard that is the same everywhere: one number that stands for the last bits of
// everything that a training computes. Names of processors and versions only say where a difference may come
// from; this says whether there is one.
#pragma once

#include <cstdint>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Forward and backward over one full shard of made-up samples with the initial values of seed 1. Hash of the
/// whole gradient buffer as it lies in memory: loss, statistics, every gradient. Takes as long as one shard
/// of a step. Spoils parameters and moving averages.
std::uint64_t trial_hash(Replica& replica, std::int64_t shard_samples);

/// Hash of the keys of the configuration that the trial's numbers depend on: only trials of equal ones can be
/// compared.
std::uint64_t trial_subject(const Config& config);

}  // namespace annulus::trainer
