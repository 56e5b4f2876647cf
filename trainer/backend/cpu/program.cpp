// Compiling and running.
#include "trainer/backend/cpu/program.hpp"

#include <algorithm>

#include "trainer/backend/planning/ready_table.hpp"

namespace annulus::trainer::cpu {

Program::Program(const ProgramEnvironment& environment, ProgramShape shape, SharedBlock block)
    : environment_(environment), shape_(shape) {
  ProgramBuilder builder(environment.engine, environment.store, plan_, shape);
  steps_ = lower(builder, environment.network, environment.options.loss);
  for (const PlannedStep& step : steps_) sharing_.push_back(dynamic_cast<SharingStep*>(step.step.get()));
  if (!environment.store.frozen()) environment.store.freeze();
  block_bytes_ = plan_.lay_out();
  block_ = block.data();
  if (block.size() < block_bytes_) {
    memory_ = allocate_bytes(block_bytes_, "activations and gradients");
    block_ = memory_.get();
  }
  checked("place the tensors", [&] { builder.place(block_); });
  inputs_ = builder.inputs();
  kernels_ = builder.kernels();
  if (builder.training()) plan_gradients(builder);
}

void Program::plan_gradients(const ProgramBuilder& builder) {
  const ParameterStore& store = environment_.store;
  const std::size_t start = gradient_offset(store.layout());
  for (const auto& gradient : builder.gradients())
    gradients_.push_back({gradient.memory, start + store.offset(gradient.layer, gradient.parameter)});
  ready_ = ready_table(store.layout(), steps_);
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
  begin(stream, epoch, shard, gradients);
  expect_contract(!advance({}, {}, ready), "a program whose steps share sums runs together with the others");
}

void Program::begin(const dnnl::stream& stream, std::uint64_t epoch, const io::Shard& shard,
                    std::span<float> gradients) {
  const ShardContext context{.stream = stream,
                             .seed = environment_.options.seed,
                             .epoch = epoch,
                             .vectors = shard.vectors,
                             .samples = shard.samples,
                             .labels = shard.labels,
                             .weights = shard.weights,
                             .shares = shard.shares,
                             .gradients = gradients,
                             .probabilities = {}};
  set_input(shard.images);
  for (const GradientTarget& target : gradients_)
    target.memory.set_data_handle(gradients.data() + target.offset);
  for (const auto& [begin, end] : environment_.store.gaps())
    std::fill(gradients.begin() + static_cast<std::ptrdiff_t>(begin),
              gradients.begin() + static_cast<std::ptrdiff_t>(end), 0.0f);
  open_.emplace(OpenShard{.context = context, .checks = checks(shard.images, context)});
}

bool Program::advance(std::span<const float> total, std::span<float> own, const Ready& ready) {
  OpenShard& shard = *open_;
  const std::size_t steps = steps_.size();
  for (; shard.position < 2 * steps; ++shard.position) {
    if (share(shard, total, own)) return true;
    if (shard.position < steps)
      run_forward(shard.position, shard.context, shard.checks);
    else
      run_backward(2 * steps - 1 - shard.position, shard.context, shard.checks, ready);
  }
  return false;
}

/// Gives and takes what the step at this position shares. @return whether it has to wait
bool Program::share(OpenShard& shard, std::span<const float> total, std::span<float> own) {
  const std::size_t steps = steps_.size();
  const Pass pass = shard.position < steps ? Pass::forward : Pass::backward;
  SharingStep* const step = sharing_[pass == Pass::forward ? shard.position : 2 * steps - 1 - shard.position];
  if (step == nullptr) return false;
  if (shard.round >= 0) step->take(pass, shard.round, total);
  const bool waits = ++shard.round < step->rounds(pass);
  if (waits)
    step->give(pass, shard.round, shard.context, own);
  else
    shard.round = -1;
  return waits;
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
  const Checks looks = checks(block.images, context);
  for (std::size_t step = 0; step < steps_.size(); ++step) run_forward(step, context, looks);
}

/// Those that have looked at the inputs, in debug runs.
auto Program::checks(std::span<const float> images, const ShardContext& context) const -> Checks {
  const std::int64_t row = total_length(environment_.network.vectors);
  expect_contract(static_cast<std::int64_t>(context.vectors.size()) == shape_.samples * row,
                  "every sample brings the network's vectors");
  if (!environment_.options.check_values) return std::nullopt;
  Checks checks(std::in_place, environment_.network, shape_.samples,
                std::vector(context.samples.begin(), context.samples.end()));
  checks->images(searched(images));
  checks->vectors(searched(context.vectors));
  return checks;
}

/// The data or the gradient of a value.
SearchedTensor Program::tensor(const Value& value, BufferId buffer) const {
  return searched(
      std::span(reinterpret_cast<const float*>(block_ + plan_.offset(buffer)), float_count(value.desc)));
}

void Program::run_forward(std::size_t step, const ShardContext& context, const Checks& checks) {
  const PlannedStep& planned = steps_[step];
  planned.step->forward(context);
  if (checks && planned.output) checks->output(planned.layer, tensor(*planned.output, planned.output->data));
}

void Program::run_backward(std::size_t step, const ShardContext& context, const Checks& checks,
                           const Ready& ready) {
  steps_[step].step->backward(context);
  if (checks) check_backward(step, context, *checks);
  ready(ready_[step]);
}

void Program::check_backward(std::size_t step, const ShardContext& context,
                             const ProgramChecks& checks) const {
  const PlannedStep& planned = steps_[step];
  for (const Value& input : planned.inputs)
    if (input.wants_gradient()) checks.passed_back(planned.layer, tensor(input, input.gradient));
  if (ready_[step] == 0) return;  // the layer has a step that runs backward later
  const ArenaLayout& layout = environment_.store.layout();
  for (const Segment& segment : layout.trainable) {
    if (segment.layer != planned.layer) continue;
    const std::span<const float> values =
        context.gradients.subspan(gradient_offset(layout) + segment.offset, segment.count);
    checks.parameter_gradient(segment.layer, segment.parameter, searched(values));
  }
}

}  // namespace annulus::trainer::cpu
