// How large gradient buckets should be on this machine.
#pragma once

#include <cstddef>
#include <span>

#include "comm/allreduce_benchmark.hpp"

namespace annulus::comm {

/// What a sum over ranks costs: `seconds` for one of no length, and then every byte.
struct AllreduceCost {
  double seconds = 0;
  double seconds_per_byte = 0;
};

/// The line through the shortest and the longest message of one kind among the figures.
/// @pre there are two of it
AllreduceCost fit_cost(std::span<const AllreduceFigure> figures, Reduction reduction);

/// The bucket size, in bytes, that delays a step least. The last bucket cannot hide behind backward: a small
/// one is over soon. Every bucket costs `seconds` of the links however small it is: few are better. With b
/// bytes a bucket and B in all the two add up to b * seconds_per_byte + B / b * seconds, least at b = sqrt(B
/// * seconds / seconds_per_byte).
/// @return between 64 KB and B, a multiple of 4
std::size_t choose_bucket_bytes(const AllreduceCost& cost, std::size_t gradient_bytes);

/// Measures with a few messages of 64 KB to 16 MB (well under a second between GPUs) and chooses; the same on
/// every rank. Collective. All in one bucket for a rank alone. The caller records what came out: it is part
/// of how a run was timed, but with Reduction::tree not of its bits.
std::size_t probe_bucket_bytes(DeviceGroup& group, Reduction reduction, std::size_t gradient_bytes);

}  // namespace annulus::comm
