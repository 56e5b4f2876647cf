// Joins the sum inside the rank, on the stream of computation, and the exchange between ranks, on its own
// stream.
#include "comm/device/reducer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/vital_signs.hpp"
#include "comm/device/exchange.hpp"
#include "comm/host/exchange_driver.hpp"
#include "comm/host/local_plan.hpp"

namespace annulus::comm {
namespace {

class Reducer final : public DeviceReducer {
 public:
  Reducer(DeviceGroup& group, const ReducerOptions& options);

  float* begin_shard(std::int64_t shard) override;
  void bucket_ready(std::int64_t shard, std::size_t bucket, DeviceStream compute) override;
  const float* finish(DeviceStream compute) override;
  bool capturable() const override { return !exchange_ || exchange_->capturable(); }
  void poll() override;
  void wait(DeviceStream stream) override;
  const std::vector<Bucket>& buckets() const override { return buckets_; }
  ShardRange owned() const override { return owned_; }

 private:
  std::string travelling() const;
  void wait_noted(DeviceStream stream, int note);

  DeviceGroup& group_;
  std::vector<Bucket> buckets_;
  ShardRange owned_;
  LocalPlan plan_;
  std::vector<float*> buffers_;               ///< by buffer of the plan
  std::unique_ptr<DeviceExchange> exchange_;  ///< none when the rank is alone
  std::size_t begun_ = 0;                     ///< owned shards of this step
  std::size_t reported_;                      ///< buckets of the shard begun last
};

std::unique_ptr<DeviceExchange> make_exchange(DeviceGroup& group, const ReducerOptions& options,
                                              std::vector<float*> nodes) {
  if (group.link() == nullptr) return make_device_host_exchange(group, options, std::move(nodes));
  return options.reduction == Reduction::tree ? make_device_tree_exchange(group, options, std::move(nodes))
                                              : make_device_fast_exchange(group, options, std::move(nodes));
}

Reducer::Reducer(DeviceGroup& group, const ReducerOptions& options)
    : group_(group),
      buckets_(options.buckets),
      owned_(owned_shards(options.shards, group.host().rank(), group.host().size())),
      plan_(make_local_plan(options.shards, owned_)),
      reported_(buckets_.size()) {
  for (std::size_t i = 0; i < plan_.buffers; ++i)
    buffers_.push_back(group.work().allocate(options.elements, "gradients of a shard"));
  if (group.host().size() == 1) return;
  std::vector<float*> nodes;
  for (const std::size_t buffer : plan_.node_buffers) nodes.push_back(buffers_[buffer]);
  exchange_ = make_exchange(group, options, std::move(nodes));
}

float* Reducer::begin_shard(std::int64_t shard) {
  expect_contract(shard == owned_.begin + static_cast<std::int64_t>(begun_) && shard < owned_.end,
                  "the owned shards of a step begin in ascending order");
  expect_contract(reported_ == buckets_.size(), "a shard begins after every bucket of the shard before");
  reported_ = 0;
  return buffers_[plan_.shard_buffers[begun_++]];
}

void Reducer::bucket_ready(std::int64_t shard, std::size_t bucket, DeviceStream compute) {
  expect_contract(begun_ > 0 && shard == owned_.begin + static_cast<std::int64_t>(begun_) - 1,
                  "buckets are reported for the shard begun last");
  expect_contract(bucket == reported_ && bucket < buckets_.size(),
                  "the buckets of a shard are reported once, in order");
  ++reported_;
  const auto [begin, end] = buckets_[bucket];
  for (const auto [into, from] : plan_.merges[begun_ - 1]) {
    float* const sum = buffers_[into] + begin;
    group_.work().add(sum, sum, buffers_[from] + begin, end - begin, compute);
  }
  if (shard + 1 == owned_.end && exchange_) exchange_->start(bucket, compute);
}

const float* Reducer::finish(DeviceStream compute) {
  expect_contract(begun_ == plan_.shard_buffers.size() && reported_ == buckets_.size(),
                  "finish() comes after every bucket of every owned shard");
  if (exchange_) exchange_->finish(compute);
  begun_ = 0;
  return buffers_[plan_.node_buffers[0]];
}

/// What the GPU is at, as far as the ranks are concerned.
std::string Reducer::travelling() const {
  const int note = group_.work().note();
  return note > 0 ? bucket_purpose(static_cast<std::size_t>(note) - 1, buckets_.size())
                  : "end of a step on the GPU";
}

void Reducer::poll() {
  if (DeviceLink* link = group_.link()) link->poll(travelling());
}

void Reducer::wait(DeviceStream stream) {
  while (!group_.work().idle(stream)) wait_noted(stream, group_.work().note());
}

/// Waits while the GPU is at one thing: its own work, or a bucket, which takes the other ranks.
void Reducer::wait_noted(DeviceStream stream, int note) {
  std::optional<WaitingFor> waiting;  // a rank alone waits for nobody
  if (note > 0 && group_.host().size() > 1) waiting.emplace(travelling());
  const auto start = std::chrono::steady_clock::now();
  while (group_.work().note() == note && !group_.work().idle(stream)) {
    poll();
    std::this_thread::yield();
    if (group_.host().size() == 1 || std::chrono::steady_clock::now() - start < group_.host().limit())
      continue;
    const PeerError error = late_peers(group_.host(), travelling());
    if (DeviceLink* link = group_.link()) link->abort();
    throw error;
  }
}

}  // namespace

std::unique_ptr<DeviceReducer> make_device_reducer(DeviceGroup& group, const ReducerOptions& options) {
  expect_cover(options);
  return std::make_unique<Reducer>(group, options);
}

}  // namespace annulus::comm
