// Convolution with bias and activation by oneDNN: blocked layouts from end to end, Winograd where it pays.
#include <limits>
#include <optional>
#include <string_view>

#include "base/log.hpp"
#include "trainer/backend/cpu/convolution_planner.hpp"
#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

using Forward = ConvolutionPlanner::Forward;
using BackwardData = ConvolutionPlanner::BackwardData;
using BackwardWeights = ConvolutionPlanner::BackwardWeights;
using dnnl::algorithm;
using Geometry = ConvolutionGeometry;
using Layouts = ConvolutionLayouts;
using Planner = ConvolutionPlanner;

/// Ranks implementations: the library's plain loops are hundreds of times slower than its generated kernels,
/// its im2col a few times; a reorder of the source counts 1.
constexpr int kReferenceLoops = 100;
int slowness(std::string_view implementation) {
  if (implementation.starts_with("ref")) return kReferenceLoops;
  return implementation.find("gemm") != implementation.npos && !implementation.starts_with("brgemm") ? 10 : 0;
}

class ConvolutionStep final : public Step {
 public:
  ConvolutionStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation activation)
      : ref_(ref),
        input_(input),
        activation_(activation),
        geometry_(convolution_geometry(ref.layer, builder.samples())) {
    if (!winograd_pays(ref.layer) || !try_plan(builder, algorithm::convolution_winograd))
      plan(builder, algorithm::convolution_direct);
  }

  void forward(const ShardContext& context) override { forward_.execute(context.stream); }
  void backward(const ShardContext& context) override {
    backward_weights_.execute(context.stream);
    backward_data_.execute(context.stream);
  }
  const Value& output() const { return output_; }

 private:
  bool try_plan(ProgramBuilder& builder, algorithm kind);
  void plan(ProgramBuilder& builder, algorithm kind);
  Forward::primitive_desc plan_forward(const Planner& planner) const;
  int cost(const Planner& planner, const Forward::primitive_desc& forward) const;
  void build_training(ProgramBuilder& builder, const Planner& planner, Forward::primitive_desc forward_pd);
  void build_forward(ProgramBuilder& builder, const Forward::primitive_desc& pd);
  void build_backward_weights(ProgramBuilder& builder, const BackwardWeights::primitive_desc& pd);
  void build_backward_data(ProgramBuilder& builder, const BackwardData::primitive_desc& pd);
  std::string purpose(const char* pass) const {
    return fmt::format("run the {} pass of {} -> ({})", pass, step_name(ref_, input_.desc),
                       dims_name(geometry_.target));
  }

  LayerRef ref_;
  Value input_, output_;
  Activation activation_;
  Geometry geometry_;
  Call forward_, backward_weights_, backward_data_;
};

bool ConvolutionStep::try_plan(ProgramBuilder& builder, algorithm kind) {
  try {
    const Planner planner(geometry_, kind, builder.engine());
    cost(planner, plan_forward(planner));
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) throw;
    return false;
  }
  plan(builder, kind);
  return true;
}

/// All three passes count, in inference as well: every program then chooses the same layouts.
int ConvolutionStep::cost(const Planner& planner, const Forward::primitive_desc& forward) const {
  int total = slowness(forward.impl_info_str());
  total += slowness(planner.backward_weights(forward, planner.any_kernel()).impl_info_str());
  if (!input_.from_data)
    total += slowness(planner.backward_data(forward, planner.any_kernel()).impl_info_str());
  return total + (forward.src_desc() == input_.desc ? 0 : 1);
}

/// Chooses the layouts: what the layer before put out if the library has fast kernels for it in all passes,
/// else its own choice, blocks of 16, or plain ones (channels last serves 4 to 15 channels best), reordered.
Forward::primitive_desc ConvolutionStep::plan_forward(const Planner& planner) const {
  const auto source = [&](Tag tag) { return float_desc(geometry_.source, tag); };
  const auto target = [&](Tag tag) { return float_desc(geometry_.target, tag); };
  const Layouts own_choice{source(Tag::any), target(Tag::any)};
  std::optional<Forward::primitive_desc> best;
  int lowest = std::numeric_limits<int>::max();
  for (const Layouts& layouts :
       {Layouts{input_.desc, target(Tag::any)}, own_choice, Layouts{source(Tag::aBcd16b), target(Tag::any)},
        Layouts{source(Tag::acdb), target(Tag::acdb)}, Layouts{source(Tag::abcd), target(Tag::abcd)}}) {
    try {
      auto forward = planner.forward(layouts, planner.any_kernel(), activation_);
      const int price = cost(planner, forward);
      if (price >= lowest) continue;
      lowest = price;
      best = std::move(forward);
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;
    }
  }
  return best ? *best : planner.forward(own_choice, planner.any_kernel(), activation_);
}

void ConvolutionStep::plan(ProgramBuilder& builder, algorithm kind) {
  checked("plan " + step_name(ref_, input_.desc), [&] {
    const Planner planner(geometry_, kind, builder.engine());
    auto forward = plan_forward(planner);
    if (!builder.store().frozen() && cost(planner, forward) >= kReferenceLoops)
      log_warning("{} -> ({}): this version of oneDNN has only slow kernels for it.",
                  step_name(ref_, input_.desc), dims_name(geometry_.target));
    output_.shape = ref_.layer.output;
    output_.desc = forward.dst_desc();
    output_.data = builder.buffer();
    output_.overwritable = true;
    output_.pending = builder.training() ? activation_ : Activation::none;
    if (builder.training()) {
      output_.gradient = builder.buffer();
      build_training(builder, planner, forward);
      return;
    }
    const Desc* arena = builder.store().find(ref_.index, 0);
    expect_contract(arena != nullptr, "training programs come first");
    build_forward(builder, prefer_arena(forward, *arena, [&](const Desc& kernel) {
                    return planner.forward({forward.src_desc(), forward.dst_desc()}, kernel, activation_);
                  }));
  });
}

void ConvolutionStep::build_training(ProgramBuilder& builder, const Planner& planner,
                                     Forward::primitive_desc forward) {
  const auto& conv = std::get<Conv2d>(ref_.layer.operation);
  auto weights = planner.backward_weights(forward, planner.any_kernel());
  const Desc best = weights.diff_weights_desc();
  const Desc arena = builder.store().define(ref_.index, 0, best, kernel_offsets(best, conv.filters));
  if (conv.bias) builder.store().define(ref_.index, 1, planner.bias(), offset_tables(planner.bias()));

  weights = prefer_arena(weights, arena,
                         [&](const Desc& kernel) { return planner.backward_weights(forward, kernel); });
  forward = prefer_arena(forward, arena, [&](const Desc& kernel) {
    return planner.forward({forward.src_desc(), forward.dst_desc()}, kernel, activation_);
  });
  build_forward(builder, forward);
  build_backward_weights(builder, weights);
  if (!input_.wants_gradient()) return;
  const auto data = planner.backward_data(forward, planner.any_kernel());
  build_backward_data(builder, prefer_arena(data, arena, [&](const Desc& kernel) {
                        return planner.backward_data(forward, kernel);
                      }));
}

void ConvolutionStep::build_forward(ProgramBuilder& builder, const Forward::primitive_desc& pd) {
  std::vector<Operand> operands{
      {DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::forward), pd.src_desc(), Direction::in},
      {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd.weights_desc(), Direction::in},
      {DNNL_ARG_DST, builder.memory(output_.desc, output_.data, Pass::forward), pd.dst_desc(),
       Direction::out}};
  if (geometry_.bias)
    operands.push_back({DNNL_ARG_BIAS, builder.store().memory(ref_.index, 1), pd.bias_desc(), Direction::in});
  forward_ = builder.call(pd, Forward(pd), operands, Pass::forward, purpose("forward"));
}

void ConvolutionStep::build_backward_weights(ProgramBuilder& builder,
                                             const BackwardWeights::primitive_desc& pd) {
  std::vector<Operand> operands{
      {DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Pass::backward), pd.src_desc(), Direction::in},
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Pass::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_DIFF_WEIGHTS, builder.gradient(ref_.index, 0), pd.diff_weights_desc(), Direction::out}};
  if (geometry_.bias)
    operands.push_back(
        {DNNL_ARG_DIFF_BIAS, builder.gradient(ref_.index, 1), pd.diff_bias_desc(), Direction::out});
  backward_weights_ =
      builder.call(pd, BackwardWeights(pd), operands, Pass::backward, purpose("backward-weights"));
}

void ConvolutionStep::build_backward_data(ProgramBuilder& builder, const BackwardData::primitive_desc& pd) {
  const std::vector<Operand> operands{
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Pass::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd.weights_desc(), Direction::in},
      {DNNL_ARG_DIFF_SRC, builder.memory(input_.desc, input_.gradient, Pass::backward), pd.diff_src_desc(),
       Direction::out}};
  backward_data_ = builder.call(pd, BackwardData(pd), operands, Pass::backward, purpose("backward-data"));
}

}  // namespace

Lowered make_convolution(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                         Activation activation) {
  auto step = std::make_unique<ConvolutionStep>(builder, ref, input, activation);
  const Value output = step->output();
  return {std::move(step), output};
}

}  // namespace annulus::trainer::cpu
