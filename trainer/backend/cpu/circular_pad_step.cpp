// Circular padding: rows are copied as they lie, in any layout that keeps the pixels of a row together, so
// that nothing is reordered between two convolutions.
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

/// An image tensor as planes of rows of pixels: samples and channel blocks are planes, a pixel is what lies
/// together of it.
struct Planes {
  Tag tag = Tag::undef;
  std::size_t count = 0, height = 0, width = 0;
  std::size_t pixel = 0;  ///< floats

  std::size_t row() const { return width * pixel; }
};

std::optional<Planes> planes_of(const Desc& desc) {
  const Dims dims = extents(desc);
  const auto channels = static_cast<std::size_t>(dims[1]);
  const std::array<std::pair<Tag, std::size_t>, 5> layouts{
      {{Tag::aBcd16b, 16}, {Tag::aBcd8b, 8}, {Tag::aBcd4b, 4}, {Tag::abcd, 1}, {Tag::acdb, channels}}};
  for (const auto& [tag, pixel] : layouts) {
    if (desc != float_desc(dims, tag)) continue;
    const auto height = static_cast<std::size_t>(dims[2]), width = static_cast<std::size_t>(dims[3]);
    return Planes{tag, float_count(desc) / (height * width * pixel), height, width, pixel};
  }
  return std::nullopt;
}

void copy(const float* source, std::size_t count, float* target) {
  std::memcpy(target, source, count * sizeof(float));
}

void add(const float* __restrict source, std::size_t count, float* __restrict target) {
  for (std::size_t i = 0; i < count; ++i) target[i] += source[i];
}

class CircularPadStep final : public Step {
 public:
  CircularPadStep(ProgramBuilder& builder, const CircularPad& pad, const Value& input, const Value& output);

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void gather_row(const float* gradients, std::size_t y, float* target) const;

  Planes in_, out_;
  std::size_t top_, left_;  ///< rows, and floats of a row, that are added in front
  bool relu_;
  dnnl::memory source_, target_;
  dnnl::memory values_, gradient_, source_gradient_;  ///< backward
};

CircularPadStep::CircularPadStep(ProgramBuilder& builder, const CircularPad& pad, const Value& input,
                                 const Value& output)
    : in_(planes_of(input.desc).value()),
      out_(planes_of(output.desc).value()),
      top_(static_cast<std::size_t>(pad.height)),
      left_(static_cast<std::size_t>(pad.width) * in_.pixel),
      relu_(input.pending == Activation::relu),
      source_(builder.memory(input.desc, input.data, Pass::forward)),
      target_(builder.memory(output.desc, output.data, Pass::forward)) {
  if (!input.wants_gradient()) return;
  if (relu_) values_ = builder.memory(input.desc, input.data, Pass::backward);
  gradient_ = builder.memory(output.desc, output.gradient, Pass::backward);
  source_gradient_ = builder.memory(input.desc, input.gradient, Pass::backward);
}

void CircularPadStep::forward(const ShardContext&) {
  const auto* plane = static_cast<const float*>(source_.get_data_handle());
  auto* target = static_cast<float*>(target_.get_data_handle());
  for (std::size_t i = 0; i < in_.count; ++i, plane += in_.height * in_.row()) {
    for (std::size_t y = 0; y < out_.height; ++y, target += out_.row()) {
      const float* const row = plane + (y + in_.height - top_) % in_.height * in_.row();
      copy(row + in_.row() - left_, left_, target);
      copy(row, in_.row(), target + left_);
      copy(row, left_, target + left_ + in_.row());
    }
  }
}

/// The gradient of a row: its own, and what its copies beyond the edges got.
/// @param gradients  a plane of the output's
void CircularPadStep::gather_row(const float* gradients, std::size_t y, float* target) const {
  const float* own = gradients + (y + top_) * out_.row();
  copy(own + left_, in_.row(), target);
  const auto add_ends = [&](const float* row) {
    add(row, left_, target + in_.row() - left_);
    add(row + left_ + in_.row(), left_, target);
  };
  add_ends(own);
  for (const bool below : {true, false}) {  // copies of the row below the image, and above it
    if (below ? y >= top_ : y + top_ < in_.height) continue;
    const float* const copied = below ? own + in_.height * out_.row() : own - in_.height * out_.row();
    add(copied + left_, in_.row(), target);
    add_ends(copied);
  }
}

void CircularPadStep::backward(const ShardContext&) {
  if (!source_gradient_) return;
  const auto* gradients = static_cast<const float*>(gradient_.get_data_handle());
  auto* target = static_cast<float*>(source_gradient_.get_data_handle());
  const float* values = relu_ ? static_cast<const float*>(values_.get_data_handle()) : nullptr;
  for (std::size_t i = 0; i < in_.count; ++i, gradients += out_.height * out_.row()) {
    for (std::size_t y = 0; y < in_.height; ++y, target += in_.row()) {
      gather_row(gradients, y, target);
      if (!relu_) continue;
      for (std::size_t k = 0; k < in_.row(); ++k) target[k] = values[k] > 0.0f ? target[k] : 0.0f;
      values += in_.row();
    }
  }
}

}  // namespace

bool has_rows(const Desc& desc) { return planes_of(desc).has_value(); }

Lowered make_circular_pad(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                          const CircularPad& pad) {
  expect_contract(input.pending == Activation::none || input.pending == Activation::relu,
                  "circular padding joins with a ReLU only");
  Value output = input;
  output.shape = ref.layer.output;
  output.desc =
      float_desc({builder.samples(), output.shape.channels, output.shape.height, output.shape.width},
                 planes_of(input.desc).value().tag);
  output.data = builder.buffer();
  output.overwritable = true;
  output.pending = Activation::none;
  if (input.wants_gradient()) output.gradient = builder.buffer();
  return {std::make_unique<CircularPadStep>(builder, pad, input, output), output};
}

}  // namespace annulus::trainer::cpu
