// Owns what optimizer_body.hpp works on.
#include "trainer/backend/cuda/device_optimizer.hpp"

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

void copy_to_mirror(std::vector<float>& mirror, const comm::DeviceBuffer<float>& state,
                    const comm::Stream& stream) {
  if (!mirror.empty()) comm::copy_to_host(std::span<float>(mirror), state.get(), stream.get());
}

void copy_from_mirror(const comm::DeviceBuffer<float>& state, const std::vector<float>& mirror,
                      const comm::Stream& stream) {
  if (!mirror.empty()) comm::copy_to_device(state.get(), std::span<const float>(mirror), stream.get());
}

}  // namespace

DeviceOptimizer::DeviceOptimizer(const OptimizerConfig& config, DeviceModel& model, OptimizerState& mirror)
    : config_(config),
      model_(model),
      mirror_(mirror),
      first_(mirror.first.size(), "optimizer states"),
      second_(mirror.second.size(), "optimizer states") {
  const UpdatePlan plan = plan_update(config, model.network(), model.layout());
  constants_ = plan.constants;
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
  enqueue(UpdateCall{.constants = constants_,
                     .scalars = scalars,
                     .pieces = pieces_.get(),
                     .pieces_count = static_cast<std::int64_t>(pieces_.size()),
                     .ranges = ranges_.get(),
                     .ranges_count = static_cast<std::int64_t>(ranges_.size()),
                     .rules_of = segments_.get(),
                     .head = sums,
                     .gradients = sums + gradient_offset(model_.layout()),
                     .parameters = model_.parameters(),
                     .first = first_.get(),
                     .second = second_.get(),
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
  copy_to_mirror(mirror_.first, first_, stream);
  copy_to_mirror(mirror_.second, second_, stream);
  stream.synchronize();
}

void DeviceOptimizer::upload(const comm::Stream& stream) {
  copy_from_mirror(first_, mirror_.first, stream);
  copy_from_mirror(second_, mirror_.second, stream);
  stream.synchronize();
}

}  // namespace annulus::trainer::cuda
