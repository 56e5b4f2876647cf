// Owns what optimizer_body.hpp works on.
#include "trainer/backend/cuda/device_optimizer.hpp"

#include "trainer/backend/contract/update_plan.hpp"

namespace annulus::trainer::cuda {
namespace {

template <class T>
comm::DeviceBuffer<T> on_device(const std::vector<T>& values) {
  comm::DeviceBuffer<T> buffer(values.size(), "tables of the update");
  if (values.empty()) return buffer;
  const comm::Stream stream;
  comm::copy_to_device(buffer.get(), std::span<const T>(values), stream.get());
  stream.synchronize();
  return buffer;
}

}  // namespace

DeviceOptimizer::DeviceOptimizer(const OptimizerConfig& config, DeviceModel& model, OptimizerState& mirror)
    : config_(config), model_(model), mirror_(mirror) {
  for (const std::vector<float>& state : mirror.arenas)
    states_.emplace_back(state.size(), "optimizer states");
  const UpdatePlan plan = plan_update(config, model.network(), model.layout());
  pieces_ = on_device(plan.pieces);
  ranges_ = on_device(plan.ranges);
  segments_ = on_device(plan.segments);
  momenta_ = on_device(plan.momenta);
  decision_ = {1, "the decision about a step"};
  squares_ = {2 * plan.pieces.size(), "norms of the update"};
  sums_ = {2 * plan.ranges.size(), "norms of the update"};
}

void DeviceOptimizer::enqueue_update(const float* sums, const UpdateScalars* scalars, StepReport* report,
                                     cudaStream_t stream) {
  StateArenas states;
  for (std::size_t i = 0; i < states_.size(); ++i) states.at[i] = states_[i].get();
  enqueue(UpdateCall{.config = config_,
                     .scalars = scalars,
                     .pieces = pieces_.get(),
                     .pieces_count = static_cast<std::int64_t>(pieces_.size()),
                     .ranges = ranges_.get(),
                     .ranges_count = static_cast<std::int64_t>(ranges_.size()),
                     .rules_of = segments_.get(),
                     .head = sums,
                     .gradients = sums + gradient_offset(model_.layout()),
                     .parameters = model_.parameters(),
                     .states = states,
                     .gradient_squares = squares_.get(),
                     .parameter_squares = squares_.get() + pieces_.size(),
                     .gradient_sums = sums_.get(),
                     .parameter_sums = sums_.get() + ranges_.size(),
                     .statistics_sums = sums + kGradientHead,
                     .momenta = momenta_.get(),
                     .statistics = model_.statistics(),
                     .statistics_count = static_cast<std::int64_t>(momenta_.size()),
                     .decision = decision_.get(),
                     .report = report},
          stream);
  model_.parameters_changed(stream);
}

UpdateScalars DeviceOptimizer::next(const StepOrder& order, std::int64_t samples,
                                    std::uint64_t unknown) const {
  return update_scalars(config_, {.learning_rate = order.learning_rate,
                                  .samples = samples,
                                  .t = mirror_.steps + unknown + 1,
                                  .t_if_skipped = mirror_.steps + 1,
                                  .loss_limit = order.loss_limit});
}

void DeviceOptimizer::download(const comm::Stream& stream) {
  for (std::size_t i = 0; i < states_.size(); ++i)
    comm::copy_to_host(std::span(mirror_.arenas[i]), states_[i].get(), stream.get());
  stream.synchronize();
}

void DeviceOptimizer::upload(const comm::Stream& stream) {
  for (std::size_t i = 0; i < states_.size(); ++i)
    comm::copy_to_device(states_[i].get(), std::span<const float>(mirror_.arenas[i]), stream.get());
  stream.synchronize();
}

}  // namespace annulus::trainer::cuda
