// See trial_shard.hpp.
#include "trainer/loop/trial_shard.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/stable_hash.hpp"
#include "comm/host/gradient_reducer.hpp"
#include "comm/ranks/process_group.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/state_hash.hpp"

namespace annulus::trainer {
namespace {

/// Uniform in [-1, 1), from the position alone.
void fill(std::span<float> values, std::uint32_t what) {
  const auto key = stream_key(1, Purpose::test);
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const auto words = philox(key, {static_cast<std::uint32_t>(i / 4), what, 0, 0});
    for (std::size_t k = 0; k < 4 && i + k < values.size(); ++k) values[i + k] = 2 * to_unit(words[k]) - 1;
  }
}

constexpr std::size_t kLine = 64;  ///< bytes, at which backends want images to begin

std::span<float> aligned(std::vector<float>& storage) {
  void* start = storage.data();
  std::size_t bytes = storage.size() * sizeof(float);
  std::align(kLine, sizeof(float), start, bytes);
  return {static_cast<float*>(start), bytes / sizeof(float)};
}

/// A reducer of its own, over one shard and in one bucket.
std::unique_ptr<comm::GradientReducer> lone_reducer(comm::ProcessGroup& alone, std::size_t elements) {
  return comm::make_reducer(alone, {.elements = elements, .buckets = {{0, elements}}, .shards = 1});
}

/// Sums over one shard while it lives.
class LoneSums {
 public:
  LoneSums(Replica& replica, comm::ProcessGroup& alone) : replica_(replica) {
    if (const std::size_t elements = replica.step_sum_elements(); elements > 0) {
      sums_ = lone_reducer(alone, elements);
      former_ = replica.set_step_sums(sums_.get());
    }
  }
  ~LoneSums() {
    if (sums_) replica_.set_step_sums(former_);
  }
  LoneSums(const LoneSums&) = delete;
  LoneSums& operator=(const LoneSums&) = delete;

 private:
  Replica& replica_;
  std::unique_ptr<comm::GradientReducer> sums_;
  comm::GradientReducer* former_ = nullptr;
};

}  // namespace

std::uint64_t trial_hash(Replica& replica, std::int64_t shard_samples) {
  const Network& network = replica.network();
  const auto n = static_cast<std::size_t>(shard_samples);
  const auto pixels = n * static_cast<std::size_t>(network.input.size());
  std::vector<float> storage(pixels + kLine / sizeof(float));
  const std::span<float> images = aligned(storage).first(pixels);
  std::vector<float> vectors(n * static_cast<std::size_t>(total_length(network.vectors)));
  fill(images, 0);
  fill(vectors, 1);
  std::vector<std::int32_t> labels(n);
  std::vector<std::uint64_t> numbers(n);
  for (std::size_t i = 0; i < n; ++i) {
    labels[i] = static_cast<std::int32_t>(i % static_cast<std::size_t>(network.classes()));
    numbers[i] = i;
  }
  initialise(replica, 1);
  replica.upload();
  const auto alone = comm::make_serial_group();
  const auto reducer = lone_reducer(*alone, gradient_elements(replica.layout()));
  const LoneSums sums(replica, *alone);
  replica.train(
      {.epoch = 0,
       .step = 0,
       .samples = shard_samples,
       .shards = {{.index = 0, .images = images, .labels = labels, .samples = numbers, .vectors = vectors}}},
      *reducer);
  StateHasher hasher;
  hasher.add(reducer->finish());
  return std::max<std::uint64_t>(hasher.value(), 1);  // 0 means that there was no trial
}

std::uint64_t trial_subject(const Config& config) {
  std::string text = fmt::format("shard {}", config.batch.size / config.batch.shards);
  for (const Origin& value : config_values(config))
    if (value.key.starts_with("network") || value.key.starts_with("loss.") || value.key == "seed" ||
        value.key == "device.precision")
      text += fmt::format("\n{}: {}", value.key, value.value);
  return std::max<std::uint64_t>(stable_hash(text), 1);
}

}  // namespace annulus::trainer
