// Compiling and running.
#include "trainer/backend/cpu/program.hpp"

#include <algorithm>
#include <cmath>

#include "trainer/backend/contract/bad_value.hpp"

namespace annulus::trainer::cpu {
namespace {

/// Index of the first value that is not finite, or size().
std::size_t first_bad(std::span<const float> values) {
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  return static_cast<std::size_t>(bad - values.begin());
}

std::span<const float> view(const dnnl::memory& memory) {
  return {static_cast<const float*>(memory.get_data_handle()), float_count(memory.get_desc())};
}

}  // namespace

Program::Program(const ProgramEnvironment& environment, ProgramShape shape, SharedBlock block)
    : environment_(environment), shape_(shape) {
  ProgramBuilder builder(environment.engine, environment.store, shape);
  steps_ = lower(builder, environment.network, environment.options.loss);
  if (!environment.store.frozen()) environment.store.freeze();
  block_bytes_ = builder.plan();
  if (block.size() < block_bytes_) {
    memory_ = allocate_bytes(block_bytes_, "activations and gradients");
    block = {memory_.get(), block_bytes_};
  }
  checked("place the tensors", [&] { builder.place(block.data()); });
  inputs_ = builder.inputs();
  if (builder.training()) plan_gradients(builder);
}

void Program::plan_gradients(const ProgramBuilder& builder) {
  const ParameterStore& store = environment_.store;
  const std::size_t start = gradient_offset(store.layout());
  for (const auto& gradient : builder.gradients())
    gradients_.push_back({gradient.memory, start + store.offset(gradient.layer, gradient.parameter)});
  // Backward runs the steps in reverse, and the segments come in the order in which it finishes layers: after
  // the first step (in forward order) of a layer, everything up to the layer's last segment is final.
  std::vector<std::size_t> end_of_layer(environment_.network.layers.size(), 0);
  const ArenaLayout& layout = store.layout();
  for (std::size_t i = 0; i < layout.trainable.size(); ++i) {
    const bool last = i + 1 == layout.trainable.size();
    end_of_layer[static_cast<std::size_t>(layout.trainable[i].layer)] =
        start + (last ? layout.trainable_count : layout.trainable[i + 1].offset);
  }
  ready_.assign(steps_.size(), 0);
  std::vector<bool> seen(end_of_layer.size(), false);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto layer = static_cast<std::size_t>(steps_[i].layer);
    if (!seen[layer]) ready_[i] = end_of_layer[layer];
    seen[layer] = true;
  }
}

void Program::set_input(std::span<const float> images) {
  expect_contract(
      images.size() == static_cast<std::size_t>(shape_.samples * environment_.network.input.size()),
      "a program runs its own number of samples");
  // oneDNN's handles are not const; no step writes to the input.
  for (const dnnl::memory& input : inputs_) input.set_data_handle(const_cast<float*>(images.data()));
}

void Program::train(const dnnl::stream& stream, std::uint64_t epoch, const io::Shard& shard,
                    std::span<float> gradients, const Ready& ready) {
  const ShardContext context{.stream = stream,
                             .seed = environment_.options.seed,
                             .epoch = epoch,
                             .vectors = shard.vectors,
                             .samples = shard.samples,
                             .labels = shard.labels,
                             .gradients = gradients,
                             .probabilities = {}};
  set_input(shard.images);
  check_input(shard.images, context);
  for (const GradientTarget& target : gradients_)
    target.memory.set_data_handle(gradients.data() + target.offset);
  for (const auto& [begin, end] : environment_.store.gaps())
    std::fill(gradients.begin() + static_cast<std::ptrdiff_t>(begin),
              gradients.begin() + static_cast<std::ptrdiff_t>(end), 0.0f);
  run_forward(context);
  run_backward(context, ready);
}

void Program::predict(const dnnl::stream& stream, const PredictBlock& block) {
  const ShardContext context{.stream = stream,
                             .seed = environment_.options.seed,
                             .epoch = 0,
                             .vectors = block.vectors,
                             .samples = {},
                             .labels = {},
                             .gradients = {},
                             .probabilities = block.probabilities};
  set_input(block.images);
  check_input(block.images, context);
  run_forward(context);
}

std::string Program::sample_name(std::size_t row, const ShardContext& context) const {
  return context.samples.empty() ? fmt::format("image {}", row)
                                 : fmt::format("sample {}", context.samples[row]);
}

/// A NaN pixel may vanish in the first ReLU, so it is looked for before.
void Program::check_input(std::span<const float> images, const ShardContext& context) const {
  check_vectors(context);
  if (!environment_.options.check_values) return;
  const std::size_t bad = first_bad(images);
  if (bad == images.size()) return;
  BadValue found{.place = BadPlace::image, .value = images[bad]};
  add_samples(found, images, context.samples, is_bad_float);
  throw BadValueError(
      found,
      fmt::format(
          "{} has a pixel of {}, before any layer saw it: the gradient of the whole step would be lost. Look at the dataset with `annulus data show`, and at augmentation and normalisation (a deviation of zero?).",
          sample_name(bad / (images.size() / static_cast<std::size_t>(shape_.samples)), context),
          images[bad]));
}

void Program::check_vectors(const ShardContext& context) const {
  const auto row = static_cast<std::size_t>(total_length(environment_.network.vectors));
  expect_contract(context.vectors.size() == static_cast<std::size_t>(shape_.samples) * row,
                  "every sample brings the network's vectors");
  if (!environment_.options.check_values) return;
  const std::size_t bad = first_bad(context.vectors);
  if (bad == context.vectors.size()) return;
  const NamedVector* vector = environment_.network.vectors.data();
  auto place = static_cast<std::int64_t>(bad % row);
  for (; place >= vector->length; ++vector) place -= vector->length;
  BadValue found{.place = BadPlace::vector,
                 .layer = static_cast<std::int32_t>(vector - environment_.network.vectors.data()),
                 .value = context.vectors[bad]};
  add_samples(found, context.vectors, context.samples, is_bad_float);
  throw BadValueError(
      found,
      fmt::format(
          "{} has a value of {} in its input {}, before any layer saw it: the gradient of the whole step would be lost. Look at the dataset that data.inputs names for it.",
          sample_name(bad / row, context), context.vectors[bad], vector->name));
}

void Program::run_forward(const ShardContext& context) {
  for (const PlannedStep& step : steps_) {
    step.step->forward(context);
    if (environment_.options.check_values && step.output) check_output(step, context, Phase::forward);
  }
}

void Program::run_backward(const ShardContext& context, const Ready& ready) {
  for (std::size_t i = steps_.size(); i-- > 0;) {
    steps_[i].step->backward(context);
    if (environment_.options.check_values) {
      if (steps_[i].gradient) check_output(steps_[i], context, Phase::backward);
      check_parameters(i, context);
    }
    ready(ready_[i]);
  }
}

void Program::check_output(const PlannedStep& step, const ShardContext& context, Phase phase) const {
  const bool forward = phase == Phase::forward;
  const std::span<const float> values = view(forward ? step.output : step.gradient);
  const std::size_t bad = first_bad(values);
  if (bad == values.size()) return;
  const std::size_t row = bad / (values.size() / static_cast<std::size_t>(shape_.samples));
  BadValue found{
      .place = forward ? BadPlace::output : BadPlace::passed_back, .layer = step.layer, .value = values[bad]};
  add_samples(found, values, context.samples, is_bad_float);
  throw BadValueError(
      found,
      fmt::format(
          "layer {} {} {} for {} in its {} pass. From here on nothing can be learned. Look at the layer before it in the network and at that sample; a smaller learning rate or clip_norm often helps.",
          environment_.network.layers[static_cast<std::size_t>(step.layer)].name,
          forward ? "put out" : "passed back", values[bad], sample_name(row, context),
          forward ? "forward" : "backward"));
}

void Program::check_parameters(std::size_t step, const ShardContext& context) const {
  const std::size_t start = gradient_offset(environment_.store.layout());
  if (ready_[step] == 0) return;
  for (const Segment& segment : environment_.store.layout().trainable) {
    if (segment.layer != steps_[step].layer) continue;
    const auto values = context.gradients.subspan(start + segment.offset, segment.count);
    const std::size_t bad = first_bad(values);
    if (bad == values.size()) continue;
    const Layer& layer = environment_.network.layers[static_cast<std::size_t>(segment.layer)];
    throw BadValueError(
        {.place = BadPlace::gradient,
         .layer = segment.layer,
         .parameter = segment.parameter,
         .value = values[bad]},
        fmt::format(
            "layer {}: the gradient of its {} is {} in the backward pass (samples {} to {}). The parameters would be lost. A smaller learning rate or clip_norm often helps.",
            layer.name, layer.parameters[static_cast<std::size_t>(segment.parameter)].name, values[bad],
            context.samples.front(), context.samples.back()));
  }
}

}  // namespace annulus::trainer::cpu
