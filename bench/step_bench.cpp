// Speed of a training step on the CPU backend alone: resident synthetic images, one rank, reducer and a plain
// momentum update over the arena. Prints one JSON line.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "comm/host/gradient_reducer.hpp"
#include "comm/ranks/process_group.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

struct Options {
  std::string model = "cifar";
  std::int64_t batch = 128;
  std::int64_t shards = 1;
  int threads = 1;
  int steps = 60;
  std::int64_t bucket_kb = 1024;
};

Network make_network(const std::string& model) {
  const bool cifar = model == "cifar";
  const auto convolution = [&](std::int64_t filters) {
    return Conv2d{
        .filters = filters, .kernel = {3, 3}, .padding_mode = cifar ? PaddingMode::same : PaddingMode::given};
  };
  const LayerOptions relu{.activation = Activation::relu};
  NetworkBuilder net({.height = 32, .width = 32, .channels = cifar ? 3 : 1});
  net.conv2d(convolution(32), relu);
  if (cifar) net.add(Pool2d{});
  net.conv2d(convolution(64), relu).add(Pool2d{});
  if (!cifar) net.add(Dropout{0.25f});
  net.flatten().dense({.units = cifar ? 256 : 128}, {.activation = Activation::relu});
  if (!cifar) net.add(Dropout{0.5f});
  return net.dense({.units = cifar ? 10 : 6}).activate(Activation::softmax).build();
}

/// He-uniform kernels, zero biases.
void initialise(Replica& replica) {
  for (const Segment& segment : replica.layout().trainable) {
    const Layer& layer = replica.network().layers[static_cast<std::size_t>(segment.layer)];
    const Parameter& parameter = layer.parameters[static_cast<std::size_t>(segment.parameter)];
    std::vector<float> values(static_cast<std::size_t>(element_count(parameter.extents)), 0.0f);
    RandomStream random(1, Purpose::test, static_cast<std::uint32_t>(segment.layer), 0);
    const float limit = std::sqrt(6.0f / static_cast<float>(parameter.fan_in));
    if (parameter.name == "kernel")
      for (float& value : values) value = random.uniform(-limit, limit);
    replica.write(segment, values, replica.parameters());
  }
}

/// A class-dependent pattern and noise, so that the loss can fall.
class SyntheticBatch {
 public:
  SyntheticBatch(const Network& network, const Options& options, std::uint64_t number)
      : image_(static_cast<std::size_t>(network.input.size())) {
    RandomStream random(2, Purpose::test, 0, number);
    const auto classes = static_cast<float>(network.classes());
    for (std::int64_t i = 0; i < options.batch; ++i) {
      labels_.push_back(static_cast<std::int32_t>(random.unit() * classes));
      samples_.push_back(number * static_cast<std::uint64_t>(options.batch) + static_cast<std::uint64_t>(i));
      for (std::size_t k = 0; k < image_; ++k)
        images_.push_back(0.7f * random.unit() +
                          (k % static_cast<std::size_t>(labels_.back() + 3) == 0 ? 0.3f : 0.0f));
    }
    batch_.samples = options.batch;
    const auto each = static_cast<std::size_t>(options.batch / options.shards);
    for (std::size_t v = 0; v < static_cast<std::size_t>(options.shards); ++v)
      batch_.shards.push_back(
          {static_cast<std::int64_t>(v), std::span(images_).subspan(v * each * image_, each * image_),
           std::span(labels_).subspan(v * each, each), std::span(samples_).subspan(v * each, each)});
  }
  SyntheticBatch(const SyntheticBatch&) = delete;
  SyntheticBatch& operator=(const SyntheticBatch&) = delete;
  const io::Batch& batch() const { return batch_; }

 private:
  std::size_t image_;
  std::vector<float> images_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint64_t> samples_;
  io::Batch batch_;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void update(Replica& replica, std::vector<float>& momentum, std::span<const float> sum,
            std::int64_t samples) {
  const float* gradient = sum.data() + gradient_offset(replica.layout());
  const float scale = 1.0f / static_cast<float>(samples), rate = 0.001f;
  float* __restrict weight = replica.parameters().data();
  float* __restrict velocity = momentum.data();
  replica.workers().for_chunks(momentum.size(), 1 << 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      velocity[i] = 0.9f * velocity[i] + gradient[i] * scale;
      weight[i] -= rate * velocity[i];
    }
  });
}

int run(const Options& options) {
  const double start = wall_seconds();
  const auto replica =
      make_cpu_replica(make_network(options.model),
                       {.shard_samples = options.batch / options.shards, .threads = options.threads});
  initialise(*replica);
  const auto group = comm::make_serial_group();
  const std::vector<std::size_t> sizes = gradient_sizes(replica->layout());
  const auto reducer = comm::make_reducer(
      *group, {.elements = gradient_elements(replica->layout()),
               .buckets = comm::make_buckets(sizes, static_cast<std::size_t>(options.bucket_kb) * 256),
               .shards = options.shards});
  std::vector<float> momentum(replica->parameters().size(), 0.0f);
  std::vector<std::unique_ptr<SyntheticBatch>> data;
  for (std::uint64_t i = 0; i < 4; ++i)
    data.push_back(std::make_unique<SyntheticBatch>(replica->network(), options, i));
  const auto step = [&](int number) {
    replica->train(data[static_cast<std::size_t>(number) % data.size()]->batch(), *reducer);
    const std::span<const float> sum = reducer->finish();
    update(*replica, momentum, sum, options.batch);
    return sum[kLossSum] / sum[kSampleCount];
  };
  const float first_loss = step(0);
  const double startup = wall_seconds() - start;
  for (int i = 1; i < 6; ++i) step(i);
  const double wall = wall_seconds(), cpu = cpu_seconds();
  float loss = 0;
  for (int i = 0; i < options.steps; ++i) loss = step(i + 6);
  const double images = static_cast<double>(options.batch) * options.steps;
  const double images_per_s = images / (wall_seconds() - wall),
               images_per_cpu_s = images / (cpu_seconds() - cpu);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"model\":\"%s\",\"batch\":%lld,\"shards\":%lld,\"threads\":%d,\"steps\":%d,\"images_per_s\":%.1f,\"images_per_cpu_s\":%.1f,\"startup_s\":%.3f,\"peak_rss_mb\":%.1f,\"loss_first\":%.4f,\"loss\":%.4f}\n",
      options.model.c_str(), static_cast<long long>(options.batch), static_cast<long long>(options.shards),
      options.threads, options.steps, images_per_s, images_per_cpu_s, startup,
      static_cast<double>(usage.ru_maxrss) / 1024.0, first_loss, loss);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace annulus::trainer

// An exception ends the process with its message, which will do for a benchmark.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  annulus::trainer::Options options;
  CLI::App app{"Speed of training steps on the CPU backend"};
  app.add_option("--model", options.model, "cifar or rich")->check(CLI::IsMember({"cifar", "rich"}));
  app.add_option("--batch", options.batch, "samples of a step")->check(CLI::PositiveNumber);
  app.add_option("--shards", options.shards, "shards of a step; divides the batch")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "worker threads")->check(CLI::PositiveNumber);
  app.add_option("--steps", options.steps, "steps that are timed")->check(CLI::PositiveNumber);
  app.add_option("--bucket-kb", options.bucket_kb, "size of a gradient bucket")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return annulus::trainer::run(options);
}
