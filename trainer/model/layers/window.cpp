// Window arithmetic and the search for a padding or stride that fits.
#include "trainer/model/layers/window.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {
namespace {

std::string arithmetic(const WindowAxis& window) {
  const std::string padding = window.before == window.after
                                  ? fmt::format("2*{}", window.before)
                                  : fmt::format("{} + {}", window.before, window.after);
  const std::int64_t room = window.input - window.span + window.before + window.after;
  const double result = static_cast<double>(room) / static_cast<double>(window.stride) + 1;
  return fmt::format("(W - F + 2P)/S + 1 = ({} - {} + {})/{} + 1 = {:.6g}", window.input, window.span,
                     padding, window.stride, result);
}

/// Smallest equal padding on both sides, beyond none, that fits; -1 when no useful one exists.
std::int64_t fitting_padding(const WindowAxis& window) {
  for (std::int64_t padding = 0; padding < window.span; ++padding) {
    const std::int64_t room = window.input - window.span + 2 * padding;
    if (room >= 0 && room % window.stride == 0) return padding;
  }
  return -1;
}

/// The nearest stride that divides the way of the window.
std::int64_t fitting_stride(const WindowAxis& window) {
  const std::int64_t room = window.input - window.span + window.before + window.after;
  std::int64_t best = 1;
  for (std::int64_t stride = 1; stride <= window.stride * 2 && stride <= room; ++stride) {
    const bool nearer = std::abs(stride - window.stride) < std::abs(best - window.stride);
    if (room % stride == 0 && nearer) best = stride;
  }
  return best;
}

std::string suggestions(const WindowAxis& window) {
  std::vector<std::string> offers;
  const std::int64_t padding = fitting_padding(window);
  if (padding >= 0) offers.push_back(padding == 0 ? "padding: valid" : fmt::format("padding: {}", padding));
  const std::int64_t room = window.input - window.span + window.before + window.after;
  if (room >= 0) {
    const std::int64_t missing = (window.stride - room % window.stride) % window.stride;
    if (padding < 0 && missing > 0 && window.after + missing < window.span) {
      offers.push_back(fmt::format("{} more of padding at the {} ([top, bottom, left, right])", missing,
                                   window.axis == "height" ? "bottom" : "right"));
    }
    offers.push_back(fmt::format("stride: {}", fitting_stride(window)));
  }
  offers.push_back("padding: same");
  return fmt::format("{}", fmt::join(offers, " or "));
}

}  // namespace

std::int64_t window_positions(const WindowAxis& window, const LayerContext& context) {
  const std::int64_t room = window.input - window.span + window.before + window.after;
  if (room < 0) {
    throw UsageError(
        "{}: the window of {} pixels is larger than the {} {} of its input ({} with padding). Make it smaller, pool less before it, or try {}.",
        context.place, window.span, window.axis, window.input, window.input + window.before + window.after,
        suggestions(window));
  }
  if (room % window.stride != 0 && context.edges == EdgeRule::refuse) {
    throw UsageError(
        "{}: the output {} does not come out whole: {}, so the window would miss pixels at the edge, which network.strict_shapes refuses. Try {}, or strict_shapes: false to round down.",
        context.place, window.axis, arithmetic(window), suggestions(window));
  }
  return room / window.stride + 1;
}

AxisRest left_over(const WindowAxis& window, std::int64_t positions) {
  const std::int64_t reached = (positions - 1) * window.stride + window.span;
  const std::int64_t rest = window.before + window.input + window.after - reached;
  const std::int64_t pixels = std::max<std::int64_t>(0, rest - window.after);
  return {pixels, rest - pixels};
}

std::int64_t pad_same(WindowAxis& window) {
  const std::int64_t positions = (window.input + window.stride - 1) / window.stride;
  const std::int64_t total =
      std::max<std::int64_t>(0, (positions - 1) * window.stride + window.span - window.input);
  window.before = total / 2;
  window.after = total - window.before;
  return positions;
}

}  // namespace annulus::trainer
