// Conversion of the images, activations that stand alone, dropout.
#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/dropout_body.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"
#include "trainer/backend/planning/keyed_dropout.hpp"

namespace annulus::trainer::cuda {
namespace {

class InputStep final : public Step {
 public:
  InputStep(Compiler& compiler, const Value& output)
      : to_(elements_of(output.element)), count_(compiler.count(output)), y_(output.data) {}

  void forward(const ShardContext& context) override {
    enqueue(context.stream, to_, [&]<class T>(Instance<T>) {
      return ConvertBody<float, T>{.from = context.images, .to = context.at<T>(y_), .elements = count_};
    });
  }
  void backward(const ShardContext&) override {}

 private:
  ElementInstance to_;
  std::int64_t count_;
  BufferId y_;
};

class ActivationStep final : public Step {
 public:
  ActivationStep(Compiler& compiler, const Value& input, const Value& output, const Tail& tail)
      : count_(compiler.count(output)),
        packs_(packs_of(compiler.element(), count_)),
        kind_(tail.activation),
        own_derivative_(tail.own_derivative()) {
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    if (!compiler.training() || !input.wants_gradient()) return;
    if (own_derivative_ != Activation::none) compiler.use(y_, Pass::backward);
    dx_ = compiler.use(input.gradient, Pass::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return ActivationBody<T, P>{
          .x = context.at<T>(x_), .y = context.at<T>(y_), .elements = count_, .kind = kind_};
    });
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    // Without a derivative, y is not read.
    const BufferId y = own_derivative_ == Activation::none ? dy_ : y_;
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return DerivativeBody<T, P>{.y = context.at<T>(y),
                                  .dy = context.at<T>(dy_),
                                  .dx = context.at<T>(dx_),
                                  .elements = count_,
                                  .kind = own_derivative_};
    });
  }

 private:
  std::int64_t count_;
  PackInstance packs_;
  Activation kind_, own_derivative_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
};

class DropoutStep final : public Step {
 public:
  DropoutStep(Compiler& compiler, const Value& input, const Value& output, const DropoutMaskOf& mask)
      : size_(input.shape.size()),
        quads_(quads_of(compiler.element(), size_)),
        samples_(compiler.samples()),
        mask_(mask),
        gated_(input.pending == PendingRelu::yes) {
    x_ = compiler.use(input.data, Pass::forward);
    y_ = output.data;
    if (!input.wants_gradient()) return;
    if (gated_) compiler.use(x_, Pass::backward);
    dx_ = compiler.use(input.gradient, Pass::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override { drop(context, {.from = x_, .to = y_}); }
  void backward(const ShardContext& context) override {
    if (dx_ != kNoBuffer) drop(context, {.from = dy_, .to = dx_, .gate = gated_ ? x_ : kNoBuffer});
  }

 private:
  struct Buffers {
    BufferId from, to, gate = kNoBuffer;
  };
  void drop(const ShardContext& context, const Buffers& buffers) const {
    enqueue(context.stream, quads_, [&]<class T, int P>(Instance<T, P>) {
      return DropoutBody<T, P>{.from = context.at<T>(buffers.from),
                               .to = context.at<T>(buffers.to),
                               .gate = buffers.gate == kNoBuffer ? nullptr : context.at<T>(buffers.gate),
                               .samples = context.samples,
                               .scalars = context.scalars,
                               .mask = mask_,
                               .size = static_cast<std::uint32_t>(size_),
                               .samples_count = samples_};
    });
  }

  std::int64_t size_;
  QuadInstance quads_;
  std::int64_t samples_;
  DropoutMaskOf mask_;
  bool gated_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
};

}  // namespace

Lowered make_input(Compiler& compiler, const SampleShape& shape) {
  const Value output = compiler.converted_input("the input", shape);
  return {std::make_unique<InputStep>(compiler, output), output};
}

Lowered make_activation(Compiler& compiler, const LayerRef& ref, const Value& input, const Tail& tail) {
  Value output = compiler.output(ref, compiler.element(), gradient_if(input.wants_gradient()));
  output.pending = tail.left_to_reader;
  return {std::make_unique<ActivationStep>(compiler, input, output, tail), output};
}

Lowered make_dropout(Compiler& compiler, const LayerRef& ref, const Value& input, std::uint64_t seed) {
  expect_contract(ref.index < (1 << 16), "a dropout layer's index fits into 16 bits");
  const float rate = std::get<Dropout>(ref.layer.operation).rate;
  const DropoutMaskOf mask{.key = stream_key(seed, Purpose::dropout),
                           .layer = static_cast<std::uint32_t>(ref.index),
                           .threshold = dropout_threshold(rate),
                           .scale = dropout_scale(rate)};
  const Value output = compiler.output(ref, compiler.element(), gradient_if(input.wants_gradient()));
  return {std::make_unique<DropoutStep>(compiler, input, output, mask), output};
}

}  // namespace annulus::trainer::cuda
