// Convolution with bias and activation by oneDNN: blocked layouts from end to end, Winograd where it pays.
#include <limits>
#include <optional>
#include <string_view>

#include "base/log.hpp"
#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

/// In inference too: what it prefers for inference alone needs other layouts, and so reorders of the kernels.
constexpr prop_kind kProp = prop_kind::forward_training;

/// What a convolution's descriptors are made of.
struct Geometry {
  Dims source, kernel, target;
  Dims strides, dilates, padding_low, padding_high;
  bool bias = true;
};

Geometry make_geometry(const Layer& layer, std::int64_t samples) {
  const auto& conv = std::get<Conv2d>(layer.operation);
  const std::int64_t channels = layer.input.channels, groups = conv.groups;
  Geometry g;
  g.source = {samples, channels, layer.input.height, layer.input.width};
  g.target = {samples, conv.filters, layer.output.height, layer.output.width};
  g.kernel = {conv.filters / groups, channels / groups, conv.kernel.height, conv.kernel.width};
  if (groups > 1) g.kernel.insert(g.kernel.begin(), groups);
  g.strides = {conv.stride.height, conv.stride.width};
  g.dilates = {conv.dilation.height - 1, conv.dilation.width - 1};
  g.padding_low = {conv.padding.top, conv.padding.left};
  g.padding_high = {conv.padding.bottom, conv.padding.right};
  g.bias = conv.bias;
  return g;
}

bool winograd_pays(const Layer& layer) {
  const auto& conv = std::get<Conv2d>(layer.operation);
  return conv.kernel == Size2{3, 3} && conv.stride == Size2{1, 1} && conv.dilation == Size2{1, 1} &&
         conv.groups == 1 && layer.input.channels >= 16 && conv.filters >= 16;
}

/// Of the images that go in and come out.
struct Layouts {
  Desc source, target;
};

/// The three primitives' descriptors for one algorithm. @throws dnnl::error when the library refuses
class Planner {
 public:
  Planner(const Geometry& geometry, algorithm kind, const dnnl::engine& engine)
      : g_(geometry), kind_(kind), engine_(engine) {}

  Forward::primitive_desc forward(const Layouts& layouts, const Desc& kernel, Activation activation) const {
    const auto& [source, target] = layouts;
    dnnl::primitive_attr attributes = user_scratchpad();
    if (activation != Activation::none) append_activation(attributes, activation);
    const auto desc = g_.bias ? Forward::desc(kProp, kind_, source, kernel, bias(), target, g_.strides,
                                              g_.dilates, g_.padding_low, g_.padding_high)
                              : Forward::desc(kProp, kind_, source, kernel, target, g_.strides, g_.dilates,
                                              g_.padding_low, g_.padding_high);
    return {desc, attributes, engine_};
  }
  BackwardData::primitive_desc backward_data(const Forward::primitive_desc& hint, const Desc& kernel) const {
    return {BackwardData::desc(kind_, hint.src_desc(), kernel, hint.dst_desc(), g_.strides, g_.dilates,
                               g_.padding_low, g_.padding_high),
            user_scratchpad(), engine_, hint};
  }
  BackwardWeights::primitive_desc backward_weights(const Forward::primitive_desc& hint,
                                                   const Desc& kernel) const {
    const auto desc = g_.bias
                          ? BackwardWeights::desc(kind_, hint.src_desc(), kernel, bias(), hint.dst_desc(),
                                                  g_.strides, g_.dilates, g_.padding_low, g_.padding_high)
                          : BackwardWeights::desc(kind_, hint.src_desc(), kernel, hint.dst_desc(), g_.strides,
                                                  g_.dilates, g_.padding_low, g_.padding_high);
    return {desc, user_scratchpad(), engine_, hint};
  }
  Desc any_kernel() const { return float_desc(g_.kernel, Tag::any); }
  Desc bias() const {
    const bool grouped = g_.kernel.size() == 5;
    return float_desc({grouped ? g_.kernel[0] * g_.kernel[1] : g_.kernel[0]}, Tag::a);
  }

 private:
  const Geometry& g_;
  algorithm kind_;
  const dnnl::engine& engine_;
};

/// Takes the arena's layout if the library has an equally good implementation for it; otherwise the call
/// reorders.
template <class PrimitiveDesc, class Make>
PrimitiveDesc prefer(const PrimitiveDesc& best, const Desc& chosen, const Desc& arena, Make&& make) {
  if (chosen == arena) return best;
  try {
    PrimitiveDesc same = make(arena);
    if (std::string(same.impl_info_str()) == best.impl_info_str()) return same;
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) throw;
  }
  return best;
}

/// Ranks implementations: the library's plain loops are hundreds of times slower than its generated kernels,
/// its im2col a few times; a reorder of the source counts 1.
constexpr int kReferenceLoops = 100;
int slowness(std::string_view implementation) {
  if (implementation.starts_with("ref")) return kReferenceLoops;
  return implementation.find("gemm") != implementation.npos && !implementation.starts_with("brgemm") ? 10 : 0;
}

OffsetTables kernel_offsets(const Desc& desc, std::int64_t filters) {
  OffsetTables tables = offset_tables(desc);
  if (tables.size() == 4) return {tables[2], tables[3], tables[1], tables[0]};
  const std::int64_t each = filters / static_cast<std::int64_t>(tables[0].size());
  std::vector<std::size_t> output;
  for (std::int64_t o = 0; o < filters; ++o)
    output.push_back(tables[0][static_cast<std::size_t>(o / each)] +
                     tables[1][static_cast<std::size_t>(o % each)]);
  return {tables[3], tables[4], tables[2], output};
}

class ConvolutionStep final : public Step {
 public:
  ConvolutionStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, Activation activation)
      : ref_(ref),
        input_(input),
        activation_(activation),
        geometry_(make_geometry(ref.layer, builder.samples())) {
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
  if (ref_.layer.inputs.front() >= 0)
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
    build_forward(builder, prefer(forward, forward.weights_desc(), *arena, [&](const Desc& kernel) {
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

  weights = prefer(weights, best, arena,
                   [&](const Desc& kernel) { return planner.backward_weights(forward, kernel); });
  forward = prefer(forward, forward.weights_desc(), arena, [&](const Desc& kernel) {
    return planner.forward({forward.src_desc(), forward.dst_desc()}, kernel, activation_);
  });
  build_forward(builder, forward);
  build_backward_weights(builder, weights);
  if (!input_.wants_gradient()) return;
  const auto data = planner.backward_data(forward, planner.any_kernel());
  build_backward_data(builder, prefer(data, data.weights_desc(), arena, [&](const Desc& kernel) {
                        return planner.backward_data(forward, kernel);
                      }));
}

void ConvolutionStep::build_forward(ProgramBuilder& builder, const Forward::primitive_desc& pd) {
  std::vector<Operand> operands{
      {DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Phase::forward), pd.src_desc(), Direction::in},
      {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd.weights_desc(), Direction::in},
      {DNNL_ARG_DST, builder.memory(output_.desc, output_.data, Phase::forward), pd.dst_desc(),
       Direction::out}};
  if (geometry_.bias)
    operands.push_back({DNNL_ARG_BIAS, builder.store().memory(ref_.index, 1), pd.bias_desc(), Direction::in});
  forward_ = builder.call(pd, Forward(pd), operands, Phase::forward, purpose("forward"));
}

void ConvolutionStep::build_backward_weights(ProgramBuilder& builder,
                                             const BackwardWeights::primitive_desc& pd) {
  std::vector<Operand> operands{
      {DNNL_ARG_SRC, builder.memory(input_.desc, input_.data, Phase::backward), pd.src_desc(), Direction::in},
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Phase::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_DIFF_WEIGHTS, builder.gradient(ref_.index, 0), pd.diff_weights_desc(), Direction::out}};
  if (geometry_.bias)
    operands.push_back(
        {DNNL_ARG_DIFF_BIAS, builder.gradient(ref_.index, 1), pd.diff_bias_desc(), Direction::out});
  backward_weights_ =
      builder.call(pd, BackwardWeights(pd), operands, Phase::backward, purpose("backward-weights"));
}

void ConvolutionStep::build_backward_data(ProgramBuilder& builder, const BackwardData::primitive_desc& pd) {
  const std::vector<Operand> operands{
      {DNNL_ARG_DIFF_DST, builder.memory(output_.desc, output_.gradient, Phase::backward), pd.diff_dst_desc(),
       Direction::in},
      {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd.weights_desc(), Direction::in},
      {DNNL_ARG_DIFF_SRC, builder.memory(input_.desc, input_.gradient, Phase::backward), pd.diff_src_desc(),
       Direction::out}};
  backward_data_ = builder.call(pd, BackwardData(pd), operands, Phase::backward, purpose("backward-data"));
}

}  // namespace

Lowered make_convolution(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                         Activation activation) {
  auto step = std::make_unique<ConvolutionStep>(builder, ref, input, activation);
  const Value output = step->output();
  return {std::move(step), output};
}

}  // namespace annulus::trainer::cpu
