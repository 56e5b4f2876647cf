// Compiling and running.
#include "trainer/backend/cuda/program.hpp"

#include <array>
#include <utility>

#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/loss_body.hpp"
#include "trainer/backend/planning/ready_table.hpp"

namespace annulus::trainer::cuda {
namespace {

/// One value of device memory, once the stream is done.
template <class T>
T fetch(const T* from, cudaStream_t stream) {
  std::array<T, 1> value{};
  comm::copy_to_host(std::span<T>(value), from, stream);
  ANNULUS_CHECK_CUDA(cudaStreamSynchronize(stream));
  return value[0];
}

}  // namespace

Program::Program(const ProgramEnvironment& environment, ProgramShape shape)
    : environment_(environment), shape_(shape) {
  Compiler compiler(environment.libraries, environment.store, plan_, shape);
  steps_ = lower(compiler, environment.network, {environment.options.seed, environment.loss});
  account_ = compiler.account();
  environment.libraries.free_scratch();
  block_bytes_ = plan_.lay_out();
  if (shape.mode == Mode::training) ready_ = ready_table(environment.store.layout(), steps_);
}

void Program::train(const DeviceShard& shard, float* gradients, cudaStream_t stream,
                    const DeviceModel::Ready& ready) {
  const ShardContext context{.stream = stream,
                             .block = block_,
                             .plan = &plan_,
                             .images = shard.images,
                             .vectors = shard.vectors,
                             .labels = shard.labels,
                             .weights = shard.weights,
                             .shares = shard.shares,
                             .samples = shard.samples,
                             .scalars = shard.scalars,
                             .gradients = gradients};
  const Checks checks = this->checks(context);
  run_forward(context, checks);
  const ArenaLayout& layout = environment_.store.layout();
  // The head and the statistics are forward's work, but leave with the first gradients: what is left to do in
  // the buffer is one kernel, and one of the things it does comes after these.
  std::size_t reported = gradient_offset(layout);
  bool begun = false;
  const auto report = [&](std::size_t count) {
    if (!std::exchange(begun, true)) environment_.store.enqueue_leftovers(gradients, shard.scalars, stream);
    ready(reported = count);
  };
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const PlannedStep& step = steps_[i];
    step.step->backward(context);
    if (checks)
      for (const Value& input : step.inputs)
        if (input.wants_gradient())
          checks->passed_back(step.layer, tensor(context.at(input.gradient), environment_.libraries.element(),
                                                 shape_.samples * input.shape.size(), stream));
    if (ready_[i] <= reported) continue;
    if (checks) check_parameters(step.layer, context, *checks);
    report(ready_[i]);
  }
  if (!begun || reported < gradient_elements(layout)) report(gradient_elements(layout));
}

void Program::predict(const DevicePrediction& prediction, cudaStream_t stream) {
  const ShardContext context{.stream = stream,
                             .block = block_,
                             .plan = &plan_,
                             .images = prediction.images,
                             .vectors = prediction.vectors,
                             .probabilities = prediction.probabilities};
  run_forward(context, checks(context));
}

/// Those that have looked at the inputs, in debug runs.
auto Program::checks(const ShardContext& context) const -> Checks {
  if (!environment_.options.check_values) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  if (context.samples != nullptr) {
    numbers.resize(static_cast<std::size_t>(shape_.samples));
    comm::copy_to_host(std::span(numbers), context.samples, context.stream);
    ANNULUS_CHECK_CUDA(cudaStreamSynchronize(context.stream));
  }
  const Network& network = environment_.network;
  Checks checks(std::in_place, network, shape_.samples, std::move(numbers));
  checks->images(
      tensor(context.images, Element::float32, shape_.samples * network.input.size(), context.stream));
  checks->vectors(tensor(context.vectors, Element::float32, shape_.samples * total_length(network.vectors),
                         context.stream));
  return checks;
}

void Program::run_forward(const ShardContext& context, const Checks& checks) {
  for (const PlannedStep& step : steps_) {
    step.step->forward(context);
    if (checks && step.output)
      checks->output(step.layer, tensor(context.at(step.output->data), step.output->element,
                                        shape_.samples * step.output->shape.size(), context.stream));
  }
}

void Program::check_parameters(int layer, const ShardContext& context, const ProgramChecks& checks) const {
  const ArenaLayout& layout = environment_.store.layout();
  for (const Segment& segment : layout.trainable) {
    if (segment.layer != layer) continue;
    const float* values = context.gradients + gradient_offset(layout) + segment.offset;
    checks.parameter_gradient(
        layer, segment.parameter,
        tensor(values, Element::float32, static_cast<std::int64_t>(segment.count), context.stream));
  }
}

/// One search after the other, each waited for: there is all the time in the world.
SearchedTensor Program::tensor(const void* values, Element element, std::int64_t count,
                               cudaStream_t stream) const {
  if (found_.size() == 0) found_ = comm::DeviceBuffer<std::int64_t>(1, "the search for NaN");
  const auto search = [=, this](std::size_t first, std::size_t some) -> std::optional<SearchedTensor::Bad> {
    if (some == 0) return std::nullopt;
    const auto* from =
        static_cast<const std::byte*>(values) + first * static_cast<std::size_t>(bytes_of(element));
    enqueue(stream, elements_of(element), [&]<class T>(Instance<T>) {
      return FindBadBody<T>{
          .values = as<T>(from), .elements = static_cast<std::int64_t>(some), .found = found_.get()};
    });
    const std::int64_t at = fetch(found_.get(), stream);
    if (at < 0) return std::nullopt;
    const float bad = element == Element::float32
                          ? fetch(reinterpret_cast<const float*>(from) + at, stream)
                          : to_float(fetch(reinterpret_cast<const BFloat16*>(from) + at, stream));
    return SearchedTensor::Bad{first + static_cast<std::size_t>(at), bad};
  };
  return {static_cast<std::size_t>(count), search};
}

}  // namespace annulus::trainer::cuda
