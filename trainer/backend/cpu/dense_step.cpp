// Dense layer with bias and activation by oneDNN's inner product on plain matrices.
#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

using Forward = dnnl::inner_product_forward;
using BackwardData = dnnl::inner_product_backward_data;
using BackwardWeights = dnnl::inner_product_backward_weights;

class DenseStep final : public Step {
 public:
  DenseStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation activation);

  void forward(const ShardContext& context) override { forward_.execute(context.stream); }
  void backward(const ShardContext& context) override {
    backward_weights_.execute(context.stream);
    if (backward_data_) backward_data_.execute(context.stream);
  }
  const Value& output() const { return output_; }

 private:
  InnerProductCall call(const Desc& kernel) const;
  void define(ProgramBuilder& builder);
  void build_forward(ProgramBuilder& builder);
  void build_weights(ProgramBuilder& builder, const Forward::primitive_desc& hint);
  void build_data(ProgramBuilder& builder, const Forward::primitive_desc& hint);
  std::string purpose(const char* pass) const {
    return fmt::format("run the {} pass of {} -> {} units", pass, step_name(ref_, input_.desc), units_);
  }

  LayerRef ref_;
  Value input_, output_;
  Activation activation_;
  std::int64_t units_;
  bool has_bias_;
  Desc any_kernel_, bias_;
  Call forward_, backward_weights_, backward_data_;
};

DenseStep::DenseStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation activation)
    : ref_(ref),
      input_(input),
      activation_(activation),
      units_(std::get<Dense>(ref.layer.operation).units),
      has_bias_(std::get<Dense>(ref.layer.operation).bias),
      any_kernel_(float_desc({units_, extents(input.desc)[1]}, Tag::any)),
      bias_(float_desc({units_}, Tag::a)) {
  output_.shape = ref.layer.output;
  output_.desc = float_desc({builder.samples(), units_}, Tag::ab);
  output_.data = builder.buffer();
  output_.overwritable = true;
  checked("plan " + step_name(ref_, input_.desc), [&] {
    if (builder.training()) {
      output_.pending = activation_;
      output_.gradient = builder.buffer();
      define(builder);
    }
    build_forward(builder);
  });
}

InnerProductCall DenseStep::call(const Desc& kernel) const {
  return {input_.desc, kernel, has_bias_ ? bias_ : Desc(), output_.desc};
}

void DenseStep::define(ProgramBuilder& builder) {
  const auto hint = describe_forward(builder.engine(), call(any_kernel_), with_activation(activation_));
  const Desc best = describe_backward_weights(builder.engine(), call(any_kernel_), hint).diff_weights_desc();
  const OffsetTables tables = offset_tables(best);
  std::vector<std::size_t> inputs = tables[1];
  if (input_.order) {  // row k of Keras' kernel belongs to the stored float that holds value k
    inputs.clear();
    for (const std::uint32_t position : *input_.order) inputs.push_back(tables[1][position]);
  }
  builder.store().define(ref_.index, 0, best, {inputs, tables[0]});
  if (has_bias_) builder.store().define(ref_.index, 1, bias_, offset_tables(bias_));
}

void DenseStep::build_forward(ProgramBuilder& builder) {
  const Desc* arena = builder.store().find(ref_.index, 0);
  expect_contract(arena != nullptr, "training programs come first");
  const auto plan = [&](const Desc& kernel) {
    return describe_forward(builder.engine(), call(kernel), with_activation(activation_));
  };
  const auto pd = prefer_arena(plan(any_kernel_), *arena, plan);
  std::vector<Operand> operands{
      {DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::forward), pd.src_desc(), Direction::in},
      {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd.weights_desc(), Direction::in},
      {DNNL_ARG_DST, builder.memory(output_.desc, output_.data, Pass::forward), pd.dst_desc(),
       Direction::out}};
  if (has_bias_)
    operands.push_back({DNNL_ARG_BIAS, builder.store().memory(ref_.index, 1), bias_, Direction::in});
  forward_ = builder.call(pd, Forward(pd), operands, Pass::forward, purpose("forward"));
  if (!builder.training()) return;
  build_weights(builder, pd);
  if (input_.wants_gradient()) build_data(builder, pd);
}

void DenseStep::build_weights(ProgramBuilder& builder, const Forward::primitive_desc& hint) {
  const Desc& arena = *builder.store().find(ref_.index, 0);
  const auto plan = [&](const Desc& kernel) {
    return describe_backward_weights(builder.engine(), call(kernel), hint);
  };
  const auto pd = prefer_arena(plan(any_kernel_), arena, plan);
  std::vector<Operand> operands{
      {DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::backward), pd.src_desc(), Direction::in},
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Pass::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_DIFF_WEIGHTS, builder.gradient(ref_.index, 0), pd.diff_weights_desc(), Direction::out}};
  if (has_bias_)
    operands.push_back({DNNL_ARG_DIFF_BIAS, builder.gradient(ref_.index, 1), bias_, Direction::out});
  backward_weights_ =
      builder.call(pd, BackwardWeights(pd), operands, Pass::backward, purpose("backward-weights"));
}

void DenseStep::build_data(ProgramBuilder& builder, const Forward::primitive_desc& hint) {
  const Desc& arena = *builder.store().find(ref_.index, 0);
  const auto plan = [&](const Desc& kernel) {
    return describe_backward_data(builder.engine(), call(kernel), hint);
  };
  const auto pd = prefer_arena(plan(any_kernel_), arena, plan);
  const std::vector<Operand> operands{
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Pass::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd.weights_desc(), Direction::in},
      {DNNL_ARG_DIFF_SRC, builder.memory(input_.desc, input_.gradient, Pass::backward), pd.diff_src_desc(),
       Direction::out}};
  backward_data_ = builder.call(pd, BackwardData(pd), operands, Pass::backward, purpose("backward-data"));
}

}  // namespace

Lowered make_dense(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation activation) {
  expect_contract(input.flat(), "dense layers read flat values");
  auto step = std::make_unique<DenseStep>(builder, ref, input, activation);
  const Value output = step->output();
  return {std::move(step), output};
}

}  // namespace annulus::trainer::cpu
