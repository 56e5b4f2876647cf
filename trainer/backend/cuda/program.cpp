// Compiling and running.
#include "trainer/backend/cuda/program.hpp"

#include <array>
#include <cmath>

#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/loss_body.hpp"

namespace annulus::trainer::cuda {

Program::Program(const ProgramEnvironment& environment, Compiler::Shape shape)
    : environment_(environment), shape_(shape) {
  Compiler compiler(environment.libraries, environment.store, plan_, shape);
  steps_ = lower(compiler, environment.network, {environment.options.seed, environment.loss});
  environment.libraries.free_scratch();
  block_bytes_ = plan_.lay_out();
  if (shape.mode == Mode::training) plan_ready();
}

/// Backward runs the steps in reverse, and the segments come in the order in which it finishes layers: after
/// the first step (in forward order) of a layer, everything up to the layer's last segment is final.
void Program::plan_ready() {
  const ArenaLayout& layout = environment_.store.layout();
  std::vector<std::size_t> end_of_layer(environment_.network.layers.size(), 0);
  for (std::size_t i = 0; i < layout.trainable.size(); ++i) {
    const bool last = i + 1 == layout.trainable.size();
    end_of_layer[static_cast<std::size_t>(layout.trainable[i].layer)] =
        gradient_offset(layout) + (last ? layout.trainable_count : layout.trainable[i + 1].offset);
  }
  ready_.assign(steps_.size(), 0);
  std::vector<bool> seen(end_of_layer.size(), false);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto layer = static_cast<std::size_t>(steps_[i].layer);
    if (!seen[layer]) ready_[i] = end_of_layer[layer];
    seen[layer] = true;
  }
}

void Program::train(const DeviceShard& shard, float* gradients, cudaStream_t stream,
                    const DeviceModel::Ready& ready) {
  const ShardContext context{.stream = stream,
                             .block = block_,
                             .plan = &plan_,
                             .images = shard.images,
                             .vectors = shard.vectors,
                             .labels = shard.labels,
                             .samples = shard.samples,
                             .scalars = shard.scalars,
                             .gradients = gradients};
  environment_.store.clear_gaps(gradients, stream);
  run_forward(context);
  const ArenaLayout& layout = environment_.store.layout();
  std::size_t reported = gradient_offset(layout);  // the head and the statistics are forward's work
  ready(reported);
  const bool check = environment_.options.check_values;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    steps_[i].step->backward(context);
    if (check) check_gradient(steps_[i], context);
    if (ready_[i] <= reported) continue;
    if (check) check_parameters(steps_[i].layer, context);
    ready(reported = ready_[i]);
  }
  if (reported < gradient_elements(layout)) ready(gradient_elements(layout));
}

void Program::predict(const DevicePrediction& prediction, cudaStream_t stream) {
  run_forward({.stream = stream,
               .block = block_,
               .plan = &plan_,
               .images = prediction.images,
               .vectors = prediction.vectors,
               .probabilities = prediction.probabilities});
}

void Program::run_forward(const ShardContext& context) {
  const bool check = environment_.options.check_values;
  if (check) check_input(context);
  for (const PlannedStep& step : steps_) {
    step.step->forward(context);
    if (check) check_output(step, context);
  }
}

std::int64_t Program::first_bad(const void* values, Element element, std::int64_t count,
                                cudaStream_t stream) const {
  if (found_.size() == 0) found_ = comm::DeviceBuffer<std::int64_t>(1, "the search for NaN");
  enqueue(stream, elements_of(element), [&]<class T>(Instance<T>) {
    return FindBadBody<T>{.values = as<T>(values), .elements = count, .found = found_.get()};
  });
  std::array<std::int64_t, 1> found{};
  comm::copy_to_host(std::span<std::int64_t>(found), found_.get(), stream);
  ANNULUS_CHECK_CUDA(cudaStreamSynchronize(stream));
  return found[0];
}

std::int64_t Program::first_bad(const Rows& rows, cudaStream_t stream) const {
  return first_bad(rows.values, rows.element, rows.row * shape_.samples, stream);
}

std::string Program::sample_name(std::int64_t row, const ShardContext& context) const {
  if (context.samples == nullptr) return fmt::format("image {}", row);
  std::array<std::uint64_t, 1> number{};
  comm::copy_to_host(std::span<std::uint64_t>(number), context.samples + row, context.stream);
  ANNULUS_CHECK_CUDA(cudaStreamSynchronize(context.stream));
  return fmt::format("sample {}", number[0]);
}

/// One sample after the other: there is all the time in the world.
void Program::add_samples(BadValue& bad, const Rows& rows, const ShardContext& context) const {
  if (context.samples == nullptr) return;
  std::vector<std::uint64_t> numbers(static_cast<std::size_t>(shape_.samples));
  comm::copy_to_host(std::span<std::uint64_t>(numbers), context.samples, context.stream);
  ANNULUS_CHECK_CUDA(cudaStreamSynchronize(context.stream));
  const std::size_t bytes = static_cast<std::size_t>(rows.row * bytes_of(rows.element));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::byte* const row = static_cast<const std::byte*>(rows.values) + i * bytes;
    if (first_bad(row, rows.element, rows.row, context.stream) >= 0) bad.add_sample(numbers[i]);
  }
}

/// A NaN pixel may vanish in the first ReLU, so it is looked for before.
void Program::check_input(const ShardContext& context) const {
  const Rows images{context.images, Element::float32, environment_.network.input.size()};
  const std::int64_t bad = first_bad(images, context.stream);
  if (bad < 0) return check_vectors(context);
  BadValue found{.place = BadPlace::image, .value = NAN};
  add_samples(found, images, context);
  throw BadValueError(
      found,
      fmt::format(
          "{} has a pixel that is NaN or infinite, before any layer saw it: the gradient of the whole step would be lost. Look at the dataset with `annulus data show`, and at augmentation and normalisation (a deviation of zero?).",
          sample_name(bad / images.row, context)));
}

void Program::check_vectors(const ShardContext& context) const {
  const std::int64_t total = total_length(environment_.network.vectors);
  const Rows vectors{context.vectors, Element::float32, total};
  const std::int64_t bad = total == 0 ? -1 : first_bad(vectors, context.stream);
  if (bad < 0) return;
  std::int64_t column = bad % total;
  std::size_t k = 0;
  while (column >= environment_.network.vectors[k].length) column -= environment_.network.vectors[k++].length;
  BadValue found{.place = BadPlace::vector, .layer = static_cast<std::int32_t>(k), .value = NAN};
  add_samples(found, vectors, context);
  throw BadValueError(
      found,
      fmt::format(
          "{} has a value that is NaN or infinite in the input {} (column {}), before any layer saw it: the gradient of the whole step would be lost. Look at that data set in the file.",
          sample_name(bad / total, context), environment_.network.vectors[k].name, column));
}

void Program::check_output(const PlannedStep& step, const ShardContext& context) const {
  if (step.output.data == kNoBuffer) return;
  const Rows output{context.at(step.output.data), step.output.element, step.output.shape.size()};
  const std::int64_t bad = first_bad(output, context.stream);
  if (bad < 0) return;
  BadValue found{.place = BadPlace::output, .layer = step.layer, .value = NAN};
  add_samples(found, output, context);
  throw BadValueError(
      found,
      fmt::format(
          "layer {} put out NaN or infinity for {} in its forward pass. From here on nothing can be learned. Look at the layer before it in the network and at that sample; a smaller learning rate or clip_norm often helps.",
          environment_.network.layers[static_cast<std::size_t>(step.layer)].name,
          sample_name(bad / output.row, context)));
}

void Program::check_gradient(const PlannedStep& step, const ShardContext& context) const {
  if (step.gradient == kNoBuffer) return;
  const Rows gradient{context.at(step.gradient), environment_.libraries.element(),
                      step.gradient_count / shape_.samples};
  const std::int64_t bad = first_bad(gradient, context.stream);
  if (bad < 0) return;
  BadValue found{.place = BadPlace::passed_back, .layer = step.layer, .value = NAN};
  add_samples(found, gradient, context);
  throw BadValueError(
      found,
      fmt::format(
          "layer {} passed back NaN or infinity for {} in its backward pass. From here on nothing can be learned. A smaller learning rate or clip_norm often helps.",
          environment_.network.layers[static_cast<std::size_t>(step.layer)].name,
          sample_name(bad / gradient.row, context)));
}

void Program::check_parameters(int layer, const ShardContext& context) const {
  const ArenaLayout& layout = environment_.store.layout();
  for (const Segment& segment : layout.trainable) {
    if (segment.layer != layer) continue;
    const float* values = context.gradients + gradient_offset(layout) + segment.offset;
    if (first_bad(values, Element::float32, static_cast<std::int64_t>(segment.count), context.stream) < 0)
      continue;
    const Layer& described = environment_.network.layers[static_cast<std::size_t>(layer)];
    throw BadValueError(
        {.place = BadPlace::gradient, .layer = layer, .parameter = segment.parameter, .value = NAN},
        fmt::format(
            "layer {}: the gradient of its {} is NaN or infinite in the backward pass (the first sample of the shard is {}). The parameters would be lost. A smaller learning rate or clip_norm often helps.",
            described.name, described.parameters[static_cast<std::size_t>(segment.parameter)].name,
            sample_name(0, context)));
  }
}

}  // namespace annulus::trainer::cuda
