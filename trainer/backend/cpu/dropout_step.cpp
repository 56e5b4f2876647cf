// Dropout with masks in Keras' element order, applied to whatever layout the values have.
#include <algorithm>
#include <numeric>

#include "trainer/backend/cpu/steps.hpp"
#include "trainer/backend/planning/keyed_dropout.hpp"

namespace annulus::trainer::cpu {
namespace {

/// Consecutive values of a sample in Keras' order that lie next to each other in memory as well.
struct Runs {
  std::size_t length = 0;             ///< the same for all; 16 in blocked layouts of full blocks
  std::vector<std::uint32_t> starts;  ///< offset of each run in the sample
};

Runs find_runs(const std::vector<std::uint32_t>& order) {
  Runs runs{order.size(), {}};
  for (std::size_t k = 1; k < order.size(); ++k)
    if (order[k] != order[k - 1] + 1) runs.length = std::gcd(runs.length, k);
  for (std::size_t k = 0; k < order.size(); k += runs.length) runs.starts.push_back(order[k]);
  return runs;
}

Runs find_runs(const Value& value) {
  if (!value.flat()) return find_runs(sample_order(value.desc));
  if (value.order) return find_runs(*value.order);
  return {static_cast<std::size_t>(value.shape.size()), {0}};
}

class DropoutStep final : public Step {
 public:
  DropoutStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output,
              float rate);

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  /// target = source * mask, for all samples.
  void apply(const ShardContext& context, const float* source, float* target, float* factors) const;

  int layer_;
  float rate_;
  std::size_t values_, stride_, stored_;  // of a sample in Keras' count; between samples; in all
  Runs runs_;
  bool relu_;
  dnnl::memory source_, target_, target_backward_, gradient_, factors_, factors_backward_;
};

DropoutStep::DropoutStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                         const Value& output, float rate)
    : layer_(ref.index),
      rate_(rate),
      values_(static_cast<std::size_t>(input.shape.size())),
      stride_(float_count(input.desc) / static_cast<std::size_t>(builder.samples())),
      stored_(float_count(input.desc)),
      runs_(find_runs(input)),
      relu_(input.pending == Activation::relu) {
  const Desc factors = float_desc({input.shape.size()}, Tag::a);
  source_ = builder.memory(input.desc, input.data, Pass::forward);
  target_ = builder.memory(output.desc, output.data, Pass::forward);
  factors_ = builder.memory(factors, builder.buffer(), Pass::forward);
  if (!input.wants_gradient()) return;
  gradient_ = builder.memory(input.desc, input.gradient, Pass::backward);
  if (relu_)
    target_backward_ = builder.memory(output.desc, output.data, Pass::backward);
  else
    factors_backward_ = builder.memory(factors, builder.buffer(), Pass::backward);
}

void DropoutStep::apply(const ShardContext& context, const float* source, float* target,
                        float* factors) const {
  for (const std::uint64_t sample : context.samples) {
    dropout_factors({context.seed, context.epoch, sample, layer_}, rate_, {factors, values_});
    const float* factor = factors;
    for (const std::uint32_t start : runs_.starts)
      for (std::size_t i = 0; i < runs_.length; ++i) target[start + i] = source[start + i] * *factor++;
    source += stride_;
    target += stride_;
  }
}

void DropoutStep::forward(const ShardContext& context) {
  const auto* source = static_cast<const float*>(source_.get_data_handle());
  auto* target = static_cast<float*>(target_.get_data_handle());
  if (source != target && runs_.length * runs_.starts.size() != stride_)
    std::fill(target, target + stored_, 0.0f);  // padding of blocked layouts
  apply(context, source, target, static_cast<float*>(factors_.get_data_handle()));
}

void DropoutStep::backward(const ShardContext& context) {
  if (!gradient_) return;
  auto* gradient = static_cast<float*>(gradient_.get_data_handle());
  if (!relu_) {
    apply(context, gradient, gradient, static_cast<float*>(factors_backward_.get_data_handle()));
    return;
  }
  // What is positive now was positive before and kept: the values hold both masks.
  const auto* y = static_cast<const float*>(target_backward_.get_data_handle());
  const float scale = dropout_scale(rate_);
  for (std::size_t i = 0; i < stored_; ++i) gradient[i] = y[i] > 0.0f ? gradient[i] * scale : 0.0f;
}

}  // namespace

Lowered make_dropout(ProgramBuilder& builder, const LayerRef& ref, const Value& input, float rate) {
  expect_contract(input.pending == Activation::none || input.pending == Activation::relu,
                  "dropout joins with a ReLU only");
  Value output = input;
  if (!input.overwritable) output.data = builder.buffer();
  output.overwritable = input.pending == Activation::none;  // else backward reads the values once more
  output.pending = Activation::none;
  return {std::make_unique<DropoutStep>(builder, ref, input, output, rate), output};
}

}  // namespace annulus::trainer::cpu
