// Max and average pools, global ones included.
#include "base/error.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

PoolShape shape_of(const SampleShape& in, const SampleShape& out, const Pool2d& pool) {
  return {.height = narrow(in.height),
          .width = narrow(in.width),
          .channels = narrow(in.channels),
          .out_height = narrow(out.height),
          .out_width = narrow(out.width),
          .size_y = narrow(pool.size.height),
          .size_x = narrow(pool.size.width),
          .stride_y = narrow(pool.stride.height),
          .stride_x = narrow(pool.stride.width),
          .top = narrow(pool.padding.top),
          .left = narrow(pool.padding.left)};
}

class MaxPoolStep final : public Step {
 public:
  MaxPoolStep(Compiler& compiler, const Value& input, const Value& output, const PoolShape& shape)
      : packs_(packs_of(compiler.element(), shape.channels)),
        samples_(compiler.samples()),
        shape_(shape),
        relu_(input.pending) {
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    if (!compiler.training() || !input.wants_gradient()) return;
    winners_ = compiler.scratch(static_cast<std::size_t>(compiler.count(output)) * sizeof(std::uint16_t),
                                Pass::forward);
    compiler.use(winners_, Pass::backward);
    dx_ = compiler.use(input.gradient, Pass::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    auto* winners = winners_ == kNoBuffer ? nullptr : context.at<std::uint16_t>(winners_);
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return MaxPoolForwardBody<T, P>{.x = context.at<T>(x_),
                                      .y = context.at<T>(y_),
                                      .winners = winners,
                                      .shape = shape_,
                                      .samples = samples_,
                                      .relu = relu_};
    });
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return MaxPoolBackwardBody<T, P>{.dy = context.at<T>(dy_),
                                       .winners = context.at<std::uint16_t>(winners_),
                                       .dx = context.at<T>(dx_),
                                       .shape = shape_,
                                       .samples = samples_};
    });
  }

 private:
  PackInstance packs_;
  std::int64_t samples_;
  PoolShape shape_;
  PendingRelu relu_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer, winners_ = kNoBuffer;
};

class AveragePoolStep final : public Step {
 public:
  AveragePoolStep(Compiler& compiler, const Value& input, const Value& output, const PoolShape& shape)
      : packs_(packs_of(compiler.element(), shape.channels)), samples_(compiler.samples()), shape_(shape) {
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    if (!compiler.training() || !input.wants_gradient()) return;
    dx_ = compiler.use(input.gradient, Pass::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return AveragePoolForwardBody<T, P>{
          .x = context.at<T>(x_), .y = context.at<T>(y_), .shape = shape_, .samples = samples_};
    });
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return AveragePoolBackwardBody<T, P>{
          .dy = context.at<T>(dy_), .dx = context.at<T>(dx_), .shape = shape_, .samples = samples_};
    });
  }

 private:
  PackInstance packs_;
  std::int64_t samples_;
  PoolShape shape_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
};

}  // namespace

Lowered make_pool(Compiler& compiler, const LayerRef& ref, const Value& input, const Pool2d& pool) {
  if (pool.size.height * pool.size.width >= kMostTaps)
    throw UsageError(
        "layer {}: a window of {} by {} pixels is too large for the cuda backend ({} pixels at most).",
        ref.layer.name, pool.size.height, pool.size.width, kMostTaps - 1);
  const Value output = compiler.output(ref, compiler.element(), gradient_if(input.wants_gradient()));
  const PoolShape shape = shape_of(input.shape, output.shape, pool);
  if (pool.kind == PoolKind::max)
    return {std::make_unique<MaxPoolStep>(compiler, input, output, shape), output};
  expect_contract(input.pending == PendingRelu::no, "only a max pool takes a derivative over");
  return {std::make_unique<AveragePoolStep>(compiler, input, output, shape), output};
}

}  // namespace annulus::trainer::cuda
