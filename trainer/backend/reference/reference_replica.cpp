// Shards are shared out to the workers one at a time; each runs forward, loss and backward by itself.
#include "trainer/backend/reference/reference_replica.hpp"

#include <algorithm>
#include <atomic>
#include <optional>

#include "base/draw_key.hpp"
#include "base/error.hpp"
#include "trainer/backend/planning/program_checks.hpp"
#include "trainer/backend/reference/gradient_writer.hpp"
#include "trainer/backend/reference/softmax_loss.hpp"

namespace annulus::trainer {
namespace reference {
namespace {

Network without_final_softmax(Network network) {
  Layer& last = network.layers.back();
  if (last.activation == Activation::softmax) last.activation = Activation::none;
  if (auto* activate = std::get_if<Activate>(&last.operation);
      activate && activate->kind == Activation::softmax)
    activate->kind = Activation::none;
  return network;
}

std::vector<std::unique_ptr<const Kernel>> make_kernels(const Network& network) {
  std::vector<std::unique_ptr<const Kernel>> kernels;
  kernels.reserve(network.layers.size());
  for (int layer = 0; layer < static_cast<int>(network.layers.size()); ++layer)
    kernels.push_back(make_kernel(network, layer));
  return kernels;
}

/// What the network reads: the image, then each vector by itself.
NetworkInputs tensors_of(const Network& network, std::int64_t n, std::span<const float> images,
                         std::span<const float> vectors) {
  const std::int64_t total = total_length(network.vectors);
  expect_contract(static_cast<std::int64_t>(images.size()) >= n * network.input.size() &&
                      static_cast<std::int64_t>(vectors.size()) >= n * total,
                  "every sample has an image and the network's vectors");
  NetworkInputs inputs{.images = Tensor(images.begin(), images.begin() + n * network.input.size()),
                       .vectors = {}};
  std::int64_t offset = 0;
  for (const NamedVector& vector : network.vectors) {
    Tensor& values = inputs.vectors.emplace_back();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row = vectors.subspan(static_cast<std::size_t>(i * total + offset),
                                       static_cast<std::size_t>(vector.length));
      values.insert(values.end(), row.begin(), row.end());
    }
    offset += vector.length;
  }
  return inputs;
}

void check_backward(const ProgramChecks& checks, int layer, const Node& node) {
  for (const Tensor* gradient : node.input_gradients)
    if (gradient) checks.passed_back(layer, searched(std::span(*gradient)));
  for (std::size_t i = 0; i < node.parameter_gradients.size(); ++i)
    checks.parameter_gradient(layer, static_cast<int>(i), searched(std::span(node.parameter_gradients[i])));
}

}  // namespace

struct ReferenceReplica::Step {
  const io::Batch& batch;
  comm::GradientReducer& reducer;
  std::vector<std::vector<Tensor>> parameters;
};

ReferenceReplica::ReferenceReplica(const Network& network, const CompileOptions& options)
    : network_(network),
      logits_(without_final_softmax(network)),
      options_(options),
      kernels_(make_kernels(logits_)),
      arena_(network),
      sums_(plan_step_sums(network)),
      workers_(options.threads) {
  if (options_.predict_samples == 0) options_.predict_samples = options_.shard_samples;
  expect_contract(class_weights_fit(options_.loss, network_.classes()),
                  "there is one class weight per class");
}

/// A shard on its way through the network, and back.
class ReferenceReplica::ShardRun {
 public:
  ShardRun(const ReferenceReplica& replica, const Step& step, const io::Shard& shard)
      : replica_(replica),
        shard_(shard),
        writer_(step.reducer, replica.layout(), shard.index),
        checks_(replica.logits_, shard.size(), {shard.samples.begin(), shard.samples.end()}) {
    if (shard.size() == 0) return;
    const CompileOptions& options = replica.options_;
    const Network& network = replica.network_;
    expect_contract(shard.size() <= options.shard_samples,
                    "a shard has at most as many samples as compiled for");
    expect_contract(static_cast<std::int64_t>(shard.images.size()) == shard.size() * network.input.size(),
                    "a shard holds one image a label");
    replica.check_labels(shard);
    NetworkInputs inputs = tensors_of(network, shard.size(), shard.images, shard.vectors);
    if (options.check_values) {
      checks_.images(searched(shard.images));
      checks_.vectors(searched(shard.vectors));
    }
    pass_.emplace(Model{replica.logits_, replica.kernels_, step.parameters},
                  PassContext{.mode = Mode::training,
                              .samples = shard.size(),
                              .seed = options.seed,
                              .epoch = step.batch.epoch,
                              .numbers = shard.samples},
                  std::move(inputs));
  }

  /// Goes on to the end, or to a layer that waits for a sum. @return whether it waits
  bool advance(const PassSums& sums, const LayerHook& progress) {
    if (pass_ && (!back_ && forward(sums, progress))) return true;
    if (pass_ && backward(sums, progress)) return true;
    writer_.finish();
    return false;
  }

 private:
  bool forward(const PassSums& sums, const LayerHook& progress) {
    const bool waits = pass_->forward(
        [&](int layer) {
          if (replica_.options_.check_values)
            checks_.output(layer, searched(std::span(pass_->node(layer).output)));
          progress(layer);
        },
        sums);
    if (waits) return true;
    LossResult loss =
        softmax_loss(pass_->logits(), {shard_.labels, shard_.weights, shard_.shares}, replica_.options_.loss);
    writer_.write_head(*pass_, loss, shard_.size());
    pass_->begin_backward(std::move(loss.gradient));
    back_ = true;
    return false;
  }

  bool backward(const PassSums& sums, const LayerHook& progress) {
    return pass_->backward(
        [&](int layer) {
          if (replica_.options_.check_values) check_backward(checks_, layer, pass_->node(layer));
          writer_.write_gradients(*pass_, layer);
          progress(layer);
        },
        sums);
  }

  const ReferenceReplica& replica_;
  const io::Shard& shard_;
  GradientWriter writer_;
  ProgramChecks checks_;
  std::optional<GraphPass> pass_;  ///< none for a shard without samples
  bool back_ = false;              ///< forward is over
};

/// Shards run from one sum over the step to the next; in most networks there is none, and a shard runs to its
/// end at once.
void ReferenceReplica::train(const io::Batch& batch, comm::GradientReducer& reducer) {
  expect_contract(sums_.rounds == 0 || step_sums_ != nullptr,
                  "a network with statistics of the step is given its sums");
  const Step step{batch, reducer, arena_.tensors()};
  std::vector<std::unique_ptr<ShardRun>> runs(batch.shards.size());
  std::vector<float> total;
  for (int sum = 0; sum <= sums_.rounds; ++sum) {
    const bool last = sum == sums_.rounds;
    std::atomic<std::size_t> next{0};
    workers_.run([&](int worker) {
      const LayerHook progress = [&](int) {
        if (worker == 0) reducer.progress();
      };
      for (std::size_t i = 0; (i = next.fetch_add(1)) < runs.size();) {
        const io::Shard& shard = batch.shards[i];
        if (sum == 0) runs[i] = std::make_unique<ShardRun>(*this, step, shard);
        const std::span<float> own = last ? std::span<float>{} : step_sums_->begin_shard(shard.index);
        std::ranges::fill(own, 0.0f);
        if (shard.size() > 0 || last) runs[i]->advance({total, own}, progress);
        if (last) runs[i].reset();
        if (!last) step_sums_->bucket_ready(shard.index, 0);
      }
    });
    if (last) break;
    const std::span<const float> added = step_sums_->finish();
    total.assign(added.begin(), added.end());
  }
}

void ReferenceReplica::check_labels(const io::Shard& shard) const {
  for (std::size_t i = 0; i < shard.labels.size(); ++i) {
    if (shard.labels[i] >= 0 && shard.labels[i] < network_.classes()) continue;
    throw DataError(
        "sample {} has label {}, but the network has {} classes (labels 0 to {}). Check the dataset's labels, or the number of units of the last layer.",
        sample_of(shard.samples[i]), shard.labels[i], network_.classes(), network_.classes() - 1);
  }
}

void ReferenceReplica::predict(const PredictBlock& block) {
  const std::int64_t n = block.samples;
  expect_contract(n <= options_.predict_samples, "predict() takes at most predict_samples images");
  if (n == 0) return;
  const std::vector<std::vector<Tensor>> parameters = arena_.tensors();
  GraphPass pass({logits_, kernels_, parameters}, {.mode = Mode::inference, .samples = n, .numbers = {}},
                 tensors_of(network_, n, block.images, block.vectors));
  pass.forward([](int) {});
  Tensor result = pass.logits();
  softmax(network_.classes(), result);
  std::copy(result.begin(), result.end(), block.probabilities.begin());
}

std::vector<float> ReferenceReplica::read(const Segment& segment, std::span<const float> arena) const {
  const auto values = arena.subspan(segment.offset, segment.count);
  return {values.begin(), values.end()};
}

void ReferenceReplica::write(const Segment& segment, std::span<const float> values,
                             std::span<float> arena) const {
  expect_contract(values.size() == segment.count, "a parameter is written whole");
  std::copy(values.begin(), values.end(), arena.begin() + static_cast<std::ptrdiff_t>(segment.offset));
}

std::string ReferenceReplica::describe() const {
  return fmt::format("{}: plain loops in double, {} thread{}", kind(), workers_.size(),
                     workers_.size() == 1 ? "" : "s");
}

}  // namespace reference

std::unique_ptr<Replica> make_reference_replica(const Network& network, const CompileOptions& options) {
  return std::make_unique<reference::ReferenceReplica>(network, options);
}

}  // namespace annulus::trainer
