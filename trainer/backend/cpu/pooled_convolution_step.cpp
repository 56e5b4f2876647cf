// Convolution, activation and the max pool behind it as one step. Forward runs oneDNN's convolution on a few
// samples at a time, so that the pool finds their output in the cache and the full-size output never exists;
// backward is our own, on pooled gradients (pooled_kernels.hpp).
#include <algorithm>
#include <optional>

#include "trainer/backend/cpu/convolution_planner.hpp"
#include "trainer/backend/cpu/pooled_kernels.hpp"
#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

using dnnl::algorithm;
using Forward = ConvolutionPlanner::Forward;

/// Samples that oneDNN convolves at a time: their output stays in the cache until it is pooled, while the
/// transformation of the kernel (Winograd) is shared by enough of them.
constexpr std::int64_t kTileSamples = 16;

constexpr Tag kImageTag = Tag::aBcd16b;
/// As the backward kernels want it, which is also what oneDNN's forward reads best in the first layer.
Tag source_tag(const PooledShape& shape) { return shape.blocked() ? kImageTag : Tag::abcd; }
Tag kernel_tag(const PooledShape& shape) { return shape.blocked() ? Tag::aBcd16b : Tag::Acdb16a; }

/// Channels of a plain source that oneDNN's convolution reads in place.
constexpr std::int64_t kPlainChannels = 3;

PooledShape pooled_shape(const Layer& convolution, const Layer& pool) {
  const auto& conv = std::get<Conv2d>(convolution.operation);
  const auto narrow = [](std::int64_t extent) { return static_cast<int>(extent); };
  return {.height = narrow(convolution.input.height),
          .width = narrow(convolution.input.width),
          .padding_top = narrow(conv.padding.top),
          .padding_left = narrow(conv.padding.left),
          .source_channels = narrow(convolution.input.channels),
          .target_channels = narrow(conv.filters),
          .pooled_height = narrow(pool.output.height),
          .pooled_width = narrow(pool.output.width),
          .rest_rows = narrow(pool.left_over.rows),
          .rest_columns = narrow(pool.left_over.columns)};
}

class PooledConvolutionStep final : public Step {
 public:
  PooledConvolutionStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                        const PooledConvolution& pattern);

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;
  const Value& output() const { return output_; }

 private:
  /// oneDNN's convolution of `samples` samples; its memory is moved along the shard.
  struct Tile {
    std::int64_t samples = 0;
    Call call;
    dnnl::memory source;
  };
  void define_parameters(ProgramBuilder& builder);
  Tile plan_tile(ProgramBuilder& builder, std::int64_t samples);
  void place_backward(ProgramBuilder& builder);

  LayerRef ref_;
  Value input_, output_;
  Activation activation_;
  bool bias_;
  std::int64_t samples_;
  PooledShape shape_;
  std::unique_ptr<PooledBackward> gradients_;
  std::vector<Tile> tiles_;  // the usual one, and one for the rest when the shard does not divide
  BufferId unpooled_buffer_ = kNoBuffer;
  dnnl::memory source_, unpooled_, pooled_, winners_;                            // forward
  dnnl::memory source_backward_, winners_backward_, pooled_gradient_, scratch_;  // backward
  dnnl::memory source_gradient_, kernel_, kernel_gradient_, bias_gradient_;
};

PooledConvolutionStep::PooledConvolutionStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                                             const PooledConvolution& pattern)
    : ref_(ref),
      input_(input),
      activation_(pattern.activation),
      bias_(std::get<Conv2d>(ref.layer.operation).bias),
      samples_(builder.samples()),
      shape_(pooled_shape(ref.layer, pattern.pool)),
      gradients_(shape_.blocked() ? make_blocked_backward(shape_) : make_plane_backward(shape_)),
      unpooled_buffer_(builder.buffer()) {
  const SampleShape& pooled = pattern.pool.output;
  output_.shape = pooled;
  output_.desc = float_desc({samples_, pooled.channels, pooled.height, pooled.width}, kImageTag);
  output_.data = builder.buffer();
  output_.gradient = builder.buffer();
  output_.overwritable = true;
  output_.pending = activation_;
  define_parameters(builder);
  const std::int64_t tile = std::min(samples_, kTileSamples);
  tiles_.push_back(plan_tile(builder, tile));
  if (samples_ % tile != 0) tiles_.push_back(plan_tile(builder, samples_ % tile));
  source_ = builder.memory(input_.desc, input_.data, Pass::forward);
  pooled_ = builder.memory(output_.desc, output_.data, Pass::forward);
  place_backward(builder);
}

void PooledConvolutionStep::define_parameters(ProgramBuilder& builder) {
  const ConvolutionGeometry geometry = convolution_geometry(ref_.layer, samples_);
  const Desc kernel = float_desc(geometry.kernel, kernel_tag(shape_));
  const Desc arena =
      builder.store().define(ref_.index, 0, kernel, kernel_offsets(kernel, geometry.kernel.front()));
  expect_contract(arena == kernel, "training programs with this step define the kernel's layout");
  if (!bias_) return;
  const Desc bias = float_desc({geometry.kernel.front()}, Tag::a);
  builder.store().define(ref_.index, 1, bias, offset_tables(bias));
}

auto PooledConvolutionStep::plan_tile(ProgramBuilder& builder, std::int64_t samples) -> Tile {
  const ConvolutionGeometry geometry = convolution_geometry(ref_.layer, samples);
  const Desc source = float_desc(geometry.source, source_tag(shape_)),
             target = float_desc(geometry.target, kImageTag);
  const auto plan = [&](algorithm kind) {
    const ConvolutionPlanner planner(geometry, kind, builder.engine());
    return planner.forward({source, target}, planner.any_kernel(), activation_);
  };
  return checked("plan " + step_name(ref_, source), [&] {
    std::optional<Forward::primitive_desc> pd;
    try {
      if (winograd_pays(ref_.layer)) pd = plan(algorithm::convolution_winograd);
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;
    }
    if (!pd) pd = plan(algorithm::convolution_direct);
    Tile tile{samples, {}, dnnl::memory(source, builder.engine(), DNNL_MEMORY_NONE)};
    unpooled_ = builder.memory(target, unpooled_buffer_, Pass::forward);
    std::vector<Operand> operands{
        {DNNL_ARG_SRC, tile.source, source, Direction::in},
        {DNNL_ARG_WEIGHTS, builder.store().memory(ref_.index, 0), pd->weights_desc(), Direction::in},
        {DNNL_ARG_DST, unpooled_, target, Direction::out}};
    if (bias_)
      operands.push_back(
          {DNNL_ARG_BIAS, builder.store().memory(ref_.index, 1), pd->bias_desc(), Direction::in});
    tile.call = builder.call(*pd, Forward(*pd), operands, Pass::forward,
                             fmt::format("run the forward pass of {} -> ({})", step_name(ref_, source),
                                         dims_name(geometry.target)));
    return tile;
  });
}

void PooledConvolutionStep::place_backward(ProgramBuilder& builder) {
  const BufferId winners = builder.buffer();
  const Desc bytes({static_cast<std::int64_t>(shape_.pooled_floats()) * samples_},
                   dnnl::memory::data_type::u8, Tag::a);
  winners_ = builder.memory(bytes, winners, Pass::forward);
  winners_backward_ = builder.memory(bytes, winners, Pass::backward);
  pooled_gradient_ = builder.memory(output_.desc, output_.gradient, Pass::backward);
  source_backward_ = builder.memory(input_.desc, input_.data, Pass::backward);
  if (input_.wants_gradient())
    source_gradient_ = builder.memory(input_.desc, input_.gradient, Pass::backward);
  const auto scratch = static_cast<std::int64_t>(gradients_->scratch_floats());
  scratch_ = builder.memory(float_desc({scratch}, Tag::a), builder.buffer(), Pass::backward);
  kernel_ = builder.store().memory(ref_.index, 0);
  kernel_gradient_ = builder.gradient(ref_.index, 0);
  if (bias_) bias_gradient_ = builder.gradient(ref_.index, 1);
}

void PooledConvolutionStep::forward(const ShardContext& context) {
  const auto* source = static_cast<float*>(source_.get_data_handle());
  const auto* unpooled = static_cast<const float*>(unpooled_.get_data_handle());
  auto* pooled = static_cast<float*>(pooled_.get_data_handle());
  auto* winners = static_cast<std::uint8_t*>(winners_.get_data_handle());
  for (std::int64_t done = 0; done < samples_;) {
    Tile& tile = done + tiles_.front().samples <= samples_ ? tiles_.front() : tiles_.back();
    // oneDNN's handles are not const; a convolution does not write to its source.
    tile.source.set_data_handle(const_cast<float*>(source));
    tile.call.execute(context.stream);
    for (std::int64_t i = 0; i < tile.samples; ++i) {
      pool_maxima(shape_, unpooled + static_cast<std::size_t>(i) * shape_.unpooled_floats(), pooled, winners);
      pooled += shape_.pooled_floats();
      winners += shape_.pooled_floats();
    }
    source += static_cast<std::size_t>(tile.samples) * shape_.source_floats();
    done += tile.samples;
  }
}

void PooledConvolutionStep::backward(const ShardContext&) {
  const auto* source = static_cast<const float*>(source_backward_.get_data_handle());
  const auto* gradient = static_cast<const float*>(pooled_gradient_.get_data_handle());
  const auto* winners = static_cast<const std::uint8_t*>(winners_backward_.get_data_handle());
  auto* source_gradient =
      source_gradient_ ? static_cast<float*>(source_gradient_.get_data_handle()) : nullptr;
  auto* kernel_gradient = static_cast<float*>(kernel_gradient_.get_data_handle());
  gradients_->place(static_cast<float*>(scratch_.get_data_handle()));
  std::fill_n(kernel_gradient, float_count(kernel_gradient_.get_desc()), 0.0f);
  float* bias_gradient = bias_ ? static_cast<float*>(bias_gradient_.get_data_handle()) : nullptr;
  if (bias_gradient) std::fill_n(bias_gradient, shape_.target_channels, 0.0f);
  for (std::int64_t i = 0; i < samples_; ++i) {
    gradients_->take(gradient, winners);
    gradients_->add_kernel_gradient(source, kernel_gradient);
    if (bias_gradient) add_bias_gradient(shape_, gradient, bias_gradient);
    if (source_gradient) {
      gradients_->source_gradient(static_cast<const float*>(kernel_.get_data_handle()), source_gradient);
      source_gradient += shape_.source_floats();
    }
    source += shape_.source_floats();
    gradient += shape_.pooled_floats();
    winners += shape_.pooled_floats();
  }
}

}  // namespace

bool is_pooled_convolution(const LayerRef& ref, const Value& input, const Layer& next) {
  const auto* conv = std::get_if<Conv2d>(&ref.layer.operation);
  const auto* pool = std::get_if<Pool2d>(&next.operation);
  // ONEDNN_MAX_CPU_ISA=AVX2 switches our kernels off as well.
  const bool instructions =
      has_pooled_kernels() && dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
  if (!conv || !pool || !instructions) return false;
  const auto lies_as = [&](Tag tag) { return input.desc == float_desc(extents(input.desc), tag); };
  const std::int64_t channels = ref.layer.input.channels;
  const bool blocked = channels % kBlock == 0 && lies_as(kImageTag);
  const bool first = channels <= kPlainChannels && lies_as(Tag::abcd) && !input.wants_gradient();
  return (blocked || first) && is_plain_3x3(*conv) && conv->filters % kBlock == 0 &&
         pool->kind == PoolKind::max && pool->size == Size2{2, 2} && pool->stride == Size2{2, 2} &&
         pool->padding == Padding{};
}

Lowered make_pooled_convolution(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                                const PooledConvolution& pattern) {
  expect_contract(builder.training(), "inference pools by a step of its own");
  auto step = std::make_unique<PooledConvolutionStep>(builder, ref, input, pattern);
  const Value output = step->output();
  return {std::move(step), output};
}

}  // namespace annulus::trainer::cpu
