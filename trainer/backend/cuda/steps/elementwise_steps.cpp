// Conversion of the images, activations that stand alone, dropout.
#include "base/error.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"
#include "trainer/backend/planning/keyed_dropout.hpp"

namespace annulus::trainer::cuda {
namespace {

class InputStep final : public Step {
 public:
  InputStep(Compiler& compiler, const Value& output)
      : element_(output.element), count_(compiler.count(output)), y_(output.data) {}

  void forward(const ShardContext& context) override {
    enqueue(ConvertCall{Element::float32, context.images, element_, context.at(y_), count_}, context.stream);
  }
  void backward(const ShardContext&) override {}

 private:
  Element element_;
  std::int64_t count_;
  BufferId y_;
};

class ActivationStep final : public Step {
 public:
  ActivationStep(Compiler& compiler, const Value& input, const Value& output, const Tail& tail)
      : element_(compiler.element()),
        count_(compiler.count(output)),
        kind_(tail.activation),
        own_derivative_(tail.own_derivative()) {
    x_ = compiler.use(input.data, Phase::forward);
    y_ = output.data;
    if (!compiler.training() || !input.wants_gradient()) return;
    if (own_derivative_ != Activation::none) compiler.use(y_, Phase::backward);
    dx_ = compiler.use(input.gradient, Phase::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    enqueue(ActivationCall{element_, context.at(x_), context.at(y_), count_, kind_}, context.stream);
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    const void* dy = context.at(dy_);  // without a derivative, y is not read
    const void* y = own_derivative_ == Activation::none ? dy : context.at(y_);
    enqueue(DerivativeCall{element_, y, dy, context.at(dx_), count_, own_derivative_}, context.stream);
  }

 private:
  Element element_;
  std::int64_t count_;
  Activation kind_, own_derivative_;
  BufferId x_ = kNoBuffer, y_ = kNoBuffer, dx_ = kNoBuffer, dy_ = kNoBuffer;
};

class DropoutStep final : public Step {
 public:
  DropoutStep(Compiler& compiler, const Value& input, const Value& output, const DropoutMaskOf& mask)
      : element_(compiler.element()),
        size_(input.shape.size()),
        samples_(compiler.samples()),
        mask_(mask),
        gated_(input.pending == PendingRelu::yes) {
    x_ = compiler.use(input.data, Phase::forward);
    y_ = output.data;
    if (!input.wants_gradient()) return;
    if (gated_) compiler.use(x_, Phase::backward);
    dx_ = compiler.use(input.gradient, Phase::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    enqueue(call(context, context.at(x_), context.at(y_)), context.stream);
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    DropoutCall backward = call(context, context.at(dy_), context.at(dx_));
    if (gated_) backward.gate = context.at(x_);
    enqueue(backward, context.stream);
  }

 private:
  DropoutCall call(const ShardContext& context, const void* from, void* to) const {
    return {element_, from, to, nullptr, context.samples, context.scalars, mask_, size_, samples_};
  }

  Element element_;
  std::int64_t size_, samples_;
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
