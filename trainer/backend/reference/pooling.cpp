// A maximum remembers which input it took; a mean only needs the number of taps inside the image.
#include "trainer/backend/reference/pooling.hpp"

#include "trainer/backend/planning/max_pool_rule.hpp"

namespace annulus::trainer::reference {
namespace {

constexpr double kNoWinner = -1;  // in Node::saved, until the window has been looked at

}  // namespace

Pooling::Pooling(const Pool2d& pool, const SampleShape& input, const SampleShape& output)
    : kind_(pool.kind),
      window_{pool.size, pool.stride, {1, 1}, pool.padding},
      input_(input),
      output_(output),
      taps_inside_(output.height * output.width, 0.0) {
  for_each_tap(window_, input_, output_, [&](const Tap& tap) { ++taps_inside_[tap.output_pixel]; });
}

void Pooling::forward(const PassContext& pass, Node& node) const {
  if (kind_ == PoolKind::max) node.saved.assign(node.output.size(), kNoWinner);
  for (std::int64_t sample = 0; sample < pass.samples; ++sample) {
    if (kind_ == PoolKind::max)
      forward_max(sample, node);
    else
      forward_average(sample, node);
  }
}

void Pooling::forward_max(std::int64_t sample, Node& node) const {
  const Tensor& x = *node.inputs[0];
  for_each_tap(window_, input_, output_, [&](const Tap& tap) {
    for (std::int64_t c = 0; c < output_.channels; ++c) {
      const std::int64_t from = sample * input_.size() + tap.input_pixel * input_.channels + c;
      const std::int64_t to = sample * output_.size() + tap.output_pixel * output_.channels + c;
      if (node.saved[to] != kNoWinner && !takes_over(x[from], node.output[to])) continue;
      node.output[to] = x[from];
      node.saved[to] = static_cast<double>(from);  // exact: an index is far below 2^53
    }
  });
}

void Pooling::forward_average(std::int64_t sample, Node& node) const {
  const Tensor& x = *node.inputs[0];
  for_each_tap(window_, input_, output_, [&](const Tap& tap) {
    for (std::int64_t c = 0; c < output_.channels; ++c) {
      node.output[sample * output_.size() + tap.output_pixel * output_.channels + c] +=
          x[sample * input_.size() + tap.input_pixel * input_.channels + c] / taps_inside_[tap.output_pixel];
    }
  });
}

void Pooling::backward(const PassContext& pass, Node& node) const {
  if (!node.input_gradients[0]) return;
  Tensor& dx = *node.input_gradients[0];
  if (kind_ == PoolKind::max) {
    for (std::size_t to = 0; to < node.saved.size(); ++to)
      dx[static_cast<std::size_t>(node.saved[to])] += node.output_gradient[to];
    return;
  }
  for (std::int64_t sample = 0; sample < pass.samples; ++sample) {
    for_each_tap(window_, input_, output_, [&](const Tap& tap) {
      for (std::int64_t c = 0; c < output_.channels; ++c)
        dx[sample * input_.size() + tap.input_pixel * input_.channels + c] +=
            node.output_gradient[sample * output_.size() + tap.output_pixel * output_.channels + c] /
            taps_inside_[tap.output_pixel];
    });
  }
}

}  // namespace annulus::trainer::reference
