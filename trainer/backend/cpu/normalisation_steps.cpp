// Batch normalisation and local response normalisation by oneDNN.
#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

using dnnl::normalization_flags;
using dnnl::prop_kind;

Operand in(int argument, dnnl::memory memory) {
  const Desc desc = memory.get_desc();
  return {argument, std::move(memory), desc, Direction::in};
}
Operand out(int argument, dnnl::memory memory) {
  const Desc desc = memory.get_desc();
  return {argument, std::move(memory), desc, Direction::out};
}

/// A new tensor like the input, with a gradient of its own if one is wanted.
Value like(ProgramBuilder& builder, const Value& input) {
  Value output = input;
  output.data = builder.buffer();
  output.overwritable = true;
  if (input.wants_gradient()) output.gradient = builder.buffer();
  return output;
}

// Parameters of a batch_norm layer, in the order of Layer::parameters.
enum { kGamma = 0, kBeta = 1, kMovingMean = 2, kMovingVariance = 3 };

class BatchNormStep final : public Step {
 public:
  using Forward = dnnl::batch_normalization_forward;
  using Backward = dnnl::batch_normalization_backward;

  BatchNormStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output)
      : ref_(ref),
        input_(input),
        output_(output),
        channels_(extents(input.desc)[1]),
        store_(builder.store()) {
    checked("plan " + step_name(ref, input.desc), [&] {
      if (builder.training())
        plan_training(builder);
      else
        plan_inference(builder);
    });
  }

  void forward(const ShardContext& context) override {
    forward_.execute(context.stream);
    if (mean_) report_statistics(context);
  }
  void backward(const ShardContext& context) override { backward_.execute(context.stream); }

 private:
  void plan_training(ProgramBuilder& builder);
  void plan_backward(ProgramBuilder& builder, const Forward::primitive_desc& hint);
  void plan_inference(ProgramBuilder& builder);
  void report_statistics(const ShardContext& context) const;
  BatchNormCall call(normalization_flags more = normalization_flags::none) const {
    return {input_.desc, std::get<BatchNorm>(ref_.layer.operation).epsilon,
            normalization_flags::use_scale | normalization_flags::use_shift | more};
  }
  Desc channel_desc() const { return float_desc({channels_}, Tag::a); }

  LayerRef ref_;
  Value input_, output_;
  std::int64_t channels_;
  ParameterStore& store_;
  BufferId mean_buffer_ = kNoBuffer, variance_buffer_ = kNoBuffer;
  dnnl::memory mean_, variance_;
  Call forward_, backward_;
};

void BatchNormStep::plan_training(ProgramBuilder& builder) {
  store_.define(ref_.index, kGamma, channel_desc(), offset_tables(channel_desc()));
  store_.define(ref_.index, kBeta, channel_desc(), offset_tables(channel_desc()));
  const auto pd = describe_forward(builder.engine(), prop_kind::forward_training, call());
  mean_buffer_ = builder.buffer();
  variance_buffer_ = builder.buffer();
  mean_ = builder.memory(channel_desc(), mean_buffer_, Pass::forward);
  variance_ = builder.memory(channel_desc(), variance_buffer_, Pass::forward);
  forward_ = builder.call(pd, Forward(pd),
                          {in(DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::forward)),
                           in(DNNL_ARG_SCALE, store_.memory(ref_.index, kGamma)),
                           in(DNNL_ARG_SHIFT, store_.memory(ref_.index, kBeta)), out(DNNL_ARG_MEAN, mean_),
                           out(DNNL_ARG_VARIANCE, variance_),
                           out(DNNL_ARG_DST, builder.memory(output_.desc, output_.data, Pass::forward))},
                          Pass::forward, "run the forward pass of " + step_name(ref_, input_.desc));
  plan_backward(builder, pd);
}

void BatchNormStep::plan_backward(ProgramBuilder& builder, const Forward::primitive_desc& hint) {
  const auto pd = describe_backward(builder.engine(), call(), output_.desc, hint);
  const BufferId target = input_.wants_gradient() ? input_.gradient : builder.buffer();
  std::vector<Operand> operands{
      in(DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::backward)),
      in(DNNL_ARG_MEAN, builder.memory(channel_desc(), mean_buffer_, Pass::backward)),
      in(DNNL_ARG_VARIANCE, builder.memory(channel_desc(), variance_buffer_, Pass::backward)),
      in(DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Pass::backward)),
      in(DNNL_ARG_SCALE, store_.memory(ref_.index, kGamma)),
      out(DNNL_ARG_DIFF_SRC, builder.memory(input_.desc, target, Pass::backward)),
      out(DNNL_ARG_DIFF_SCALE, builder.gradient(ref_.index, kGamma)),
      out(DNNL_ARG_DIFF_SHIFT, builder.gradient(ref_.index, kBeta))};
  if (kBackwardWantsShift) operands.push_back(in(DNNL_ARG_SHIFT, store_.memory(ref_.index, kBeta)));
  backward_ = builder.call(pd, Backward(pd), std::move(operands), Pass::backward,
                           "run the backward pass of " + step_name(ref_, input_.desc));
}

void BatchNormStep::plan_inference(ProgramBuilder& builder) {
  const auto pd = describe_forward(builder.engine(), prop_kind::forward_inference,
                                   call(normalization_flags::use_global_stats));
  forward_ = builder.call(pd, Forward(pd),
                          {in(DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::forward)),
                           in(DNNL_ARG_SCALE, store_.memory(ref_.index, kGamma)),
                           in(DNNL_ARG_SHIFT, store_.memory(ref_.index, kBeta)),
                           in(DNNL_ARG_MEAN, store_.statistics_memory(ref_.index, kMovingMean)),
                           in(DNNL_ARG_VARIANCE, store_.statistics_memory(ref_.index, kMovingVariance)),
                           out(DNNL_ARG_DST, builder.memory(output_.desc, output_.data, Pass::forward))},
                          Pass::forward, "run the forward pass of " + step_name(ref_, input_.desc));
}

void BatchNormStep::report_statistics(const ShardContext& context) const {
  const auto* mean = static_cast<const float*>(mean_.get_data_handle());
  const auto* variance = static_cast<const float*>(variance_.get_data_handle());
  float* head = context.gradients.data() + kGradientHead;
  float* mean_sum = head + store_.offset(ref_.index, kMovingMean);
  float* variance_sum = head + store_.offset(ref_.index, kMovingVariance);
  const auto samples = static_cast<float>(context.samples.size());
  for (std::int64_t c = 0; c < channels_; ++c) {
    mean_sum[c] = samples * mean[c];
    variance_sum[c] = samples * variance[c];
  }
}

class LocalResponseNormStep final : public Step {
 public:
  using Forward = dnnl::lrn_forward;
  using Backward = dnnl::lrn_backward;

  LocalResponseNormStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output)
      : options_(std::get<LocalResponseNorm>(ref.layer.operation)), name_(step_name(ref, input.desc)) {
    checked("plan " + name_, [&] { plan(builder, input, output); });
  }

  void forward(const ShardContext& context) override { forward_.execute(context.stream); }
  void backward(const ShardContext& context) override { backward_.execute(context.stream); }

 private:
  void plan(ProgramBuilder& builder, const Value& input, const Value& output);

  LocalResponseNorm options_;
  std::string name_;
  Call forward_, backward_;
};

void LocalResponseNormStep::plan(ProgramBuilder& builder, const Value& input, const Value& output) {
  const float alpha = options_.alpha * static_cast<float>(options_.size);  // oneDNN divides it by the size
  const LrnCall call{input.desc, options_.size, alpha, options_.beta, options_.k};
  const bool backward = builder.training() && input.wants_gradient();
  const auto pd = describe_forward(
      builder.engine(), backward ? prop_kind::forward_training : prop_kind::forward_inference, call);
  std::vector<Operand> operands{in(DNNL_ARG_SRC, builder.memory(input.desc, input.data, Pass::forward)),
                                out(DNNL_ARG_DST, builder.memory(output.desc, output.data, Pass::forward))};
  const Desc workspace = pd.workspace_desc();
  const BufferId kept = workspace.get_size() > 0 ? builder.buffer() : kNoBuffer;
  if (kept != kNoBuffer)
    operands.push_back(out(DNNL_ARG_WORKSPACE, builder.memory(workspace, kept, Pass::forward)));
  forward_ = builder.call(pd, Forward(pd), operands, Pass::forward, "run the forward pass of " + name_);
  if (!backward) return;
  const auto back = describe_backward(builder.engine(), call, output.desc, pd);
  operands = {in(DNNL_ARG_SRC, builder.memory(input.desc, input.data, Pass::backward)),
              in(DNNL_ARG_DIFF_DST, builder.memory(output.desc, output.gradient, Pass::backward)),
              out(DNNL_ARG_DIFF_SRC, builder.memory(input.desc, input.gradient, Pass::backward))};
  if (kept != kNoBuffer)
    operands.push_back(in(DNNL_ARG_WORKSPACE, builder.memory(workspace, kept, Pass::backward)));
  backward_ =
      builder.call(back, Backward(back), operands, Pass::backward, "run the backward pass of " + name_);
}

}  // namespace

Lowered make_batch_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input) {
  Value output = like(builder, input);
  output.from_data = false;
  if (builder.training() && !output.wants_gradient()) output.gradient = builder.buffer();  // for gamma, beta
  return {std::make_unique<BatchNormStep>(builder, ref, input, output), output};
}

Lowered make_local_response_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input) {
  const Value output = like(builder, input);
  return {std::make_unique<LocalResponseNormStep>(builder, ref, input, output), output};
}

}  // namespace annulus::trainer::cpu
