// Waiting times would name every rank but the slow one, so own work is compared.
#include "trainer/watch/slow_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace annulus::trainer {
namespace {

constexpr double kSlower = 1.5;         // times the median of the others: less is the usual spread of hosts
constexpr double kLeastSeconds = 1e-3;  // per step, beyond it: below, timing is noise

std::mutex notice_mutex;
std::string notice;
std::atomic<bool> has_notice{false};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::optional<SlowRank> find_slow(const std::map<int, Heartbeat>& heartbeats) {
  const Heartbeat* slowest = nullptr;
  for (const auto& [rank, beat] : heartbeats)
    if (beat.state == RankState::running && beat.own_step_seconds > 0 &&
        (slowest == nullptr || beat.own_step_seconds > slowest->own_step_seconds))
      slowest = &beat;
  std::vector<double> others;
  for (const auto& [rank, beat] : heartbeats)
    if (beat.state == RankState::running && beat.own_step_seconds > 0 && &beat != slowest)
      others.push_back(beat.own_step_seconds);
  if (others.empty()) return std::nullopt;
  const double usual = median(std::move(others));
  if (slowest->own_step_seconds < kSlower * usual || slowest->own_step_seconds - usual < kLeastSeconds)
    return std::nullopt;
  return SlowRank{slowest->rank, slowest->host, slowest->own_step_seconds, usual};
}

std::string describe(const SlowRank& slow) {
  return fmt::format(
      "rank {} on host {} holds the others up: {:.3g} ms per step of its own work, the others {:.3g} ms",
      slow.rank, slow.host, 1e3 * slow.own_seconds, 1e3 * slow.others_seconds);
}

void post_notice(std::string text) {
  const std::lock_guard lock(notice_mutex);
  notice = std::move(text);
  has_notice.store(true, std::memory_order_release);
}

std::optional<std::string> take_notice() {
  if (!has_notice.load(std::memory_order_acquire)) return std::nullopt;
  const std::lock_guard lock(notice_mutex);
  has_notice.store(false, std::memory_order_release);
  return std::exchange(notice, {});
}

}  // namespace annulus::trainer
