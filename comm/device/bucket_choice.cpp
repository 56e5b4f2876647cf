// Fits two numbers and weighs them.
#include "comm/device/bucket_choice.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"

namespace annulus::comm {
namespace {

constexpr std::size_t kSmallestBucket = std::size_t{1} << 16;
constexpr std::size_t kUsualBucket = std::size_t{1} << 20;

double seconds(const AllreduceFigure& figure) { return figure.microseconds * 1e-6; }

}  // namespace

AllreduceCost fit_cost(std::span<const AllreduceFigure> figures, Reduction reduction) {
  std::vector<AllreduceFigure> of_kind;
  std::ranges::copy_if(figures, std::back_inserter(of_kind),
                       [&](const AllreduceFigure& figure) { return figure.reduction == reduction; });
  expect_contract(of_kind.size() >= 2, "a line needs two messages");
  const auto [shortest, longest] = std::ranges::minmax(of_kind, {}, &AllreduceFigure::bytes);
  const auto length = static_cast<double>(longest.bytes - shortest.bytes);
  // Noise may make the longer message the faster one: then bytes cost nothing that matters.
  const double per_byte = std::max(0.0, (seconds(longest) - seconds(shortest)) / length);
  return {std::max(0.0, seconds(shortest) - per_byte * static_cast<double>(shortest.bytes)), per_byte};
}

std::size_t choose_bucket_bytes(const AllreduceCost& cost, std::size_t gradient_bytes) {
  const auto all = static_cast<double>(gradient_bytes);
  double best = cost.seconds_per_byte > 0 ? std::sqrt(all * cost.seconds / cost.seconds_per_byte) : all;
  best = std::clamp(best, std::min(static_cast<double>(kSmallestBucket), all), all);
  return static_cast<std::size_t>(best) / sizeof(float) * sizeof(float);
}

std::size_t probe_bucket_bytes(DeviceGroup& group, Reduction reduction, std::size_t gradient_bytes) {
  if (group.host().size() == 1) return gradient_bytes;
  const std::size_t mark = group.work().allocations();
  const auto figures = benchmark_allreduce(
      group, {.smallest_bytes = kSmallestBucket, .largest_bytes = std::size_t{1} << 24, .repetitions = 9});
  group.work().release_since(mark);
  return choose_bucket_bytes(fit_cost(figures, reduction), gradient_bytes);
}

BucketSize choose_bucket_size(const BucketWish& wish, DeviceGroup* gpus) {
  if (wish.given_bytes > 0) return {wish.given_bytes, BucketSize::Origin::given};
  if (gpus == nullptr || gpus->host().size() == 1) return {kUsualBucket, BucketSize::Origin::usual};
  return {probe_bucket_bytes(*gpus, wish.reduction, wish.gradient_bytes), BucketSize::Origin::measured};
}

}  // namespace annulus::comm
