// Activations as steps of their own, and the derivative of one that an earlier step applied.
#include <span>

#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

/// gradient *= derivative, written with the activation's own output y.
void multiply_derivative(Activation kind, std::span<const float> y, std::span<float> gradient) {
  const std::size_t count = gradient.size();
  const float* __restrict value = y.data();
  float* __restrict g = gradient.data();
  switch (kind) {
    case Activation::relu:
      for (std::size_t i = 0; i < count; ++i) g[i] = value[i] > 0.0f ? g[i] : 0.0f;
      return;
    case Activation::sigmoid:
      for (std::size_t i = 0; i < count; ++i) g[i] *= value[i] * (1.0f - value[i]);
      return;
    case Activation::tanh:
      for (std::size_t i = 0; i < count; ++i) g[i] *= 1.0f - value[i] * value[i];
      return;
    case Activation::softmax:
    case Activation::none:
      return;
  }
}

class ActivationGradientStep final : public Step {
 public:
  ActivationGradientStep(ProgramBuilder& builder, const Value& input)
      : kind_(input.pending), count_(float_count(input.desc)) {
    if (!input.wants_gradient()) return;
    y_ = builder.memory(input.desc, input.data, Pass::backward);
    gradient_ = builder.memory(input.desc, input.gradient, Pass::backward);
  }

  void forward(const ShardContext&) override {}
  void backward(const ShardContext&) override {
    if (!gradient_) return;
    multiply_derivative(kind_, {static_cast<const float*>(y_.get_data_handle()), count_},
                        {static_cast<float*>(gradient_.get_data_handle()), count_});
  }

 private:
  Activation kind_;
  std::size_t count_;
  dnnl::memory y_, gradient_;
};

class ActivationStep final : public Step {
 public:
  ActivationStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output,
                 Activation kind) {
    const std::string name = step_name(ref, input.desc);
    checked("plan " + name, [&] {
      const auto pd = describe_elementwise(builder.engine(), function_of(kind), input.desc);
      forward_ = builder.call(pd, dnnl::eltwise_forward(pd),
                              {{DNNL_ARG_SRC, builder.memory(input.desc, input.data, Pass::forward),
                                pd.src_desc(), Direction::in},
                               {DNNL_ARG_DST, builder.memory(output.desc, output.data, Pass::forward),
                                pd.dst_desc(), Direction::out}},
                              Pass::forward, "run the forward pass of " + name);
    });
  }
  void forward(const ShardContext& context) override { forward_.execute(context.stream); }
  void backward(const ShardContext&) override {}  // pending: a later step multiplies the derivative in

 private:
  Call forward_;
};

}  // namespace

Lowered make_activation(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation kind) {
  expect_contract(input.pending == Activation::none, "one activation is pending at a time");
  Value output = input;
  output.shape = ref.layer.output;
  if (!input.overwritable) output.data = builder.buffer();
  output.overwritable = true;
  if (builder.training()) output.pending = kind;
  return {std::make_unique<ActivationStep>(builder, ref, input, output, kind), output};
}

Lowered make_activation_gradient(ProgramBuilder& builder, const Value& input) {
  auto step = std::make_unique<ActivationGradientStep>(builder, input);
  Value output = input;
  output.pending = Activation::none;
  output.overwritable = false;  // backward reads the values once more
  return {std::move(step), output};
}

}  // namespace annulus::trainer::cpu
