// Max and average pooling by oneDNN, with our rule for the values that its max pool overlooks.
#include <optional>

#include "trainer/backend/cpu/max_pool_mender.hpp"
#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

using dnnl::algorithm;
using Forward = dnnl::pooling_forward;
using Backward = dnnl::pooling_backward;

class PoolStep final : public Step {
 public:
  PoolStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Pool2d& pool)
      : ref_(ref), input_(input), output_(input) {
    output_.shape = {ref.layer.output.height, ref.layer.output.width, input.shape.channels, false};
    if (ref.layer.output.flat) output_.shape.height = output_.shape.width = 1;  // a global pool
    output_.data = builder.buffer();
    output_.overwritable = true;
    if (input.wants_gradient()) output_.gradient = builder.buffer();
    checked("plan " + step_name(ref, input.desc), [&] { plan(builder, pool); });
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override { backward_.execute(context.stream); }
  const Value& output() const { return output_; }

 private:
  void plan(ProgramBuilder& builder, const Pool2d& pool);
  void plan_backward(ProgramBuilder& builder, const Forward::primitive_desc& hint);

  LayerRef ref_;
  Value input_, output_;
  algorithm kind_ = algorithm::pooling_max;
  Dims strides_, window_, padding_low_, padding_high_;
  BufferId workspace_ = kNoBuffer;  // which element of each window was the largest
  Call forward_, backward_;
  std::optional<MaxPoolMender> mender_;  // of a max pool
  dnnl::memory source_, target_, winners_;
};

void PoolStep::forward(const ShardContext& context) {
  forward_.execute(context.stream);
  if (!mender_) return;
  mender_->mend(static_cast<const float*>(source_.get_data_handle()),
                static_cast<float*>(target_.get_data_handle()),
                winners_ ? winners_.get_data_handle() : nullptr);
}

void PoolStep::plan(ProgramBuilder& builder, const Pool2d& pool) {
  kind_ = pool.kind == PoolKind::max ? algorithm::pooling_max : algorithm::pooling_avg_exclude_padding;
  strides_ = {pool.stride.height, pool.stride.width};
  window_ = {pool.size.height, pool.size.width};
  padding_low_ = {pool.padding.top, pool.padding.left};
  padding_high_ = {pool.padding.bottom, pool.padding.right};
  const Dims target{builder.samples(), output_.shape.channels, output_.shape.height, output_.shape.width};
  const bool training = builder.training();
  const auto pd = describe_forward(
      builder.engine(), training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
      {kind_, input_.desc, float_desc(target, Tag::any), strides_, window_, padding_low_, padding_high_});
  output_.desc = pd.dst_desc();
  output_.order = nullptr;
  source_ = builder.memory(input_.desc, input_.data, Pass::forward);
  target_ = builder.memory(output_.desc, output_.data, Pass::forward);
  std::vector<Operand> operands{{DNNL_ARG_SRC, source_, pd.src_desc(), Direction::in},
                                {DNNL_ARG_DST, target_, pd.dst_desc(), Direction::out}};
  const Desc workspace = pd.workspace_desc();
  if (workspace.get_size() > 0) {
    workspace_ = builder.buffer();
    winners_ = builder.memory(workspace, workspace_, Pass::forward);
    operands.push_back({DNNL_ARG_WORKSPACE, winners_, workspace, Direction::out});
  }
  if (pool.kind == PoolKind::max) mender_.emplace(pool, input_.desc, output_.desc, workspace);
  forward_ = builder.call(pd, Forward(pd), operands, Pass::forward,
                          "run the forward pass of " + step_name(ref_, input_.desc));
  if (training && input_.wants_gradient()) plan_backward(builder, pd);
}

void PoolStep::plan_backward(ProgramBuilder& builder, const Forward::primitive_desc& hint) {
  const auto pd = describe_backward(
      builder.engine(), {kind_, input_.desc, output_.desc, strides_, window_, padding_low_, padding_high_},
      hint);
  std::vector<Operand> operands{
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Pass::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_DIFF_SRC, builder.memory(input_.desc, input_.gradient, Pass::backward), pd.diff_src_desc(),
       Direction::out}};
  if (workspace_ != kNoBuffer) {
    const Desc workspace = hint.workspace_desc();
    operands.push_back({DNNL_ARG_WORKSPACE, builder.memory(workspace, workspace_, Pass::backward), workspace,
                        Direction::in});
  }
  backward_ = builder.call(pd, Backward(pd), operands, Pass::backward,
                           "run the backward pass of " + step_name(ref_, input_.desc));
}

}  // namespace

Lowered make_pool(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Pool2d& pool) {
  expect_contract(pool.kind == PoolKind::max || input.pending == Activation::none,
                  "only a max pool commutes with a pending derivative");
  auto step = std::make_unique<PoolStep>(builder, ref, input, pool);
  const Value output = step->output();
  return {std::move(step), output};
}

}  // namespace annulus::trainer::cpu
