// How large gradient buckets should be on this machine.
#pragma once

#include <cstddef>
#include <span>

#include "base/enum_words.hpp"
#include "comm/device/allreduce_benchmark.hpp"
#include "comm/device/group.hpp"

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
/// bytes per bucket and B in all the two add up to b * seconds_per_byte + B / b * seconds, which is least at
/// b = sqrt(B * seconds / seconds_per_byte).
/// @return between 64 KB and B, a multiple of 4
std::size_t choose_bucket_bytes(const AllreduceCost& cost, std::size_t gradient_bytes);

/// Measures with a few messages of 64 KB to 16 MB (well under a second between GPUs) and chooses; the same on
/// every rank. Collective. All in one bucket for a rank alone. Device memory that it takes is given back.
std::size_t probe_bucket_bytes(DeviceGroup& group, Reduction reduction, std::size_t gradient_bytes);

/// The bucket size of a run, and where it comes from. To be recorded: it is part of how a run was timed, but
/// with Reduction::tree not of its bits.
struct BucketSize {
  enum class Origin { given, usual, measured };
  std::size_t bytes = 0;
  Origin origin = Origin::usual;
};
/// "given", "usual" or "measured".

struct BucketWish {
  std::size_t given_bytes = 0;  ///< what the user wants; 0 leaves it open
  Reduction reduction = Reduction::tree;
  std::size_t gradient_bytes = 0;  ///< of the whole gradient buffer
};

/// What is given wins. Left open it is 1 MB on hosts, which hide sums behind a backward that takes long, and
/// what probe_bucket_bytes() finds between several GPUs.
/// @param gpus  the ranks' GPUs, or none when gradients lie on hosts. Collective with GPUs.
BucketSize choose_bucket_size(const BucketWish& wish, DeviceGroup* gpus);

}  // namespace annulus::comm

template <>
struct annulus::EnumWords<annulus::comm::BucketSize::Origin> {
  static constexpr std::array kWords{"given", "usual", "measured"};
};
