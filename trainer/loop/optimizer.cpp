// See optimizer.hpp. A step is two passes over the gradient: nothing may change before all of it is known to
// be finite, and clipping and LARS need norms first. The loops themselves are in optimizer_kernels.cpp.
#include "trainer/loop/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

/// Parameters, gradient and two states of a piece fit a second-level cache.
constexpr std::size_t kPieceElements = 4096;
/// Below this the update takes less than waking the threads.
constexpr std::size_t kThreadedElements = 65536;

double total_of(std::span<const double> sums) {
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

bool is_adaptive(OptimizerKind kind) { return kind == OptimizerKind::adam || kind == OptimizerKind::adamw; }

}  // namespace

/// What one call of update() passes down to the pieces.
struct Optimizer::Step {
  std::span<float> parameters;
  std::span<const float> gradients;
  double scale = 1;           ///< of the gradient sum: clipping factor / samples
  std::vector<double> rates;  ///< per segment
  AdamFactors adam{};         ///< but for the decay, which belongs to a segment
};

Optimizer::Optimizer(const OptimizerConfig& config, const Network& network, const ArenaLayout& layout)
    : config_(config) {
  for (std::size_t s = 0; s < layout.trainable.size(); ++s) {
    const Segment& segment = layout.trainable[s];
    const bool kernel = network.layers.at(segment.layer).parameters.at(segment.parameter).decays;
    is_kernel_.push_back(kernel ? 1 : 0);
    decay_.push_back(kernel ? static_cast<float>(config.weight_decay) : 0.0f);
    for (std::size_t begin = 0; begin < segment.count; begin += kPieceElements) {
      const std::size_t end = std::min(begin + kPieceElements, segment.count);
      pieces_.push_back({s, segment.offset + begin, segment.offset + end});
    }
  }
  const bool adaptive = is_adaptive(config.kind);
  if (adaptive || config.kind == OptimizerKind::lars || config.momentum != 0)
    state_.first.assign(layout.trainable_count, 0.0f);
  if (adaptive) state_.second.assign(layout.trainable_count, 0.0f);
  gradient_squares_.assign(pieces_.size(), 0.0);
  if (config.kind == OptimizerKind::lars) parameter_squares_.assign(pieces_.size(), 0.0);
}

std::vector<StateArena> Optimizer::states() {
  if (state_.first.empty()) return {};
  if (state_.second.empty()) return {{"momentum", state_.first}};
  return {{"m", state_.first}, {"v", state_.second}};
}

template <class Body>
void Optimizer::for_pieces(Replica& replica, const Body& body) const {
  const auto run = [&](std::size_t begin, std::size_t end) {
    for (std::size_t piece = begin; piece < end; ++piece) body(piece);
  };
  WorkerPool& workers = replica.workers();
  if (workers.size() == 1 || pieces_.size() * kPieceElements < kThreadedElements)
    run(0, pieces_.size());
  else
    workers.for_chunks(pieces_.size(), 4, run);
}

UpdateRun Optimizer::run_of(const Step& step, std::size_t piece) {
  const std::size_t begin = pieces_[piece].begin;
  const std::size_t count = pieces_[piece].end - begin;
  const auto part = [&](std::vector<float>& state) {
    return state.empty() ? std::span<float>{} : std::span(state).subspan(begin, count);
  };
  return {.parameters = step.parameters.subspan(begin, count),
          .gradients = step.gradients.subspan(begin, count),
          .first = part(state_.first),
          .second = part(state_.second)};
}

GradientReport Optimizer::measure(Replica& replica, const GradientSum& gradient) {
  expect_contract(gradient.samples > 0, "an update divides by the samples of its step");
  expect_contract(gradient.values.size() == replica.parameters().size(),
                  "gradients are laid out as the parameter arena");
  const Step step{.parameters = replica.parameters(), .gradients = gradient.values, .rates = {}};
  for_pieces(replica, [&](std::size_t piece) {
    const UpdateRun run = run_of(step, piece);
    gradient_squares_[piece] = sum_of_squares(run.gradients);
    if (!parameter_squares_.empty()) parameter_squares_[piece] = sum_of_squares(run.parameters);
  });
  GradientReport report{.squares = total_of(gradient_squares_)};
  report.norm = std::sqrt(report.squares) / static_cast<double>(gradient.samples);
  for (std::size_t piece = 0; piece < pieces_.size() && report.bad_segment < 0; ++piece)
    if (!rules::is_finite(gradient_squares_[piece]))
      report.bad_segment = static_cast<int>(pieces_[piece].segment);
  return report;
}

std::vector<double> Optimizer::segment_rates(const Step& step, double rate) const {
  std::vector<double> rates(is_kernel_.size(), rate);
  if (config_.kind != OptimizerKind::lars) return rates;
  std::vector<double> gradients(is_kernel_.size(), 0.0);
  std::vector<double> parameters(is_kernel_.size(), 0.0);
  for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
    gradients[pieces_[piece].segment] += gradient_squares_[piece];
    parameters[pieces_[piece].segment] += parameter_squares_[piece];
  }
  for (std::size_t s = 0; s < rates.size(); ++s) {
    const double gradient = std::sqrt(gradients[s]) * step.scale;
    const double parameter = std::sqrt(parameters[s]);
    if (is_kernel_[s] == 0 || gradient == 0 || parameter == 0) continue;
    rates[s] *= config_.trust_coefficient * parameter / (gradient + config_.weight_decay * parameter);
  }
  return rates;
}

AdamFactors Optimizer::adam_factors(float gradient_scale, double rate) const {
  const AdamBias bias = adam_bias({config_.beta1, config_.beta2}, state_.steps, rate);
  return {.gradient_scale = gradient_scale,
          .decay = 0.0f,
          .shrink = 1.0f,
          .beta1 = static_cast<float>(config_.beta1),
          .one_minus_beta1 = static_cast<float>(1.0 - config_.beta1),
          .beta2 = static_cast<float>(config_.beta2),
          .one_minus_beta2 = static_cast<float>(1.0 - config_.beta2),
          .step_size = bias.step_size,
          .second_root_factor = bias.second_root_factor,
          .epsilon = static_cast<float>(config_.epsilon)};
}

void Optimizer::update_piece(const Step& step, std::size_t piece) {
  const std::size_t segment = pieces_[piece].segment;
  const UpdateRun run = run_of(step, piece);
  if (is_adaptive(config_.kind)) {
    AdamFactors factors = step.adam;
    const bool decoupled = config_.kind == OptimizerKind::adamw;
    if (decoupled)
      factors.shrink = static_cast<float>(1.0 - step.rates[segment] * double{decay_[segment]});
    else
      factors.decay = decay_[segment];
    return adam(factors, run);
  }
  const SgdFactors factors{.gradient_scale = static_cast<float>(step.scale),
                           .decay = decay_[segment],
                           .momentum = static_cast<float>(config_.momentum),
                           .rate = static_cast<float>(step.rates[segment])};
  if (config_.kind == OptimizerKind::lars) return lars(factors, run);
  if (state_.first.empty()) return sgd_plain(factors, run);
  return config_.nesterov ? sgd_nesterov(factors, run) : sgd_momentum(factors, run);
}

void Optimizer::apply(Replica& replica, const GradientSum& gradient, double learning_rate) {
  ++state_.steps;
  Step step{.parameters = replica.parameters(), .gradients = gradient.values, .rates = {}};
  step.scale = 1.0 / static_cast<double>(gradient.samples);
  if (config_.clip_norm > 0) {
    const double norm = std::sqrt(total_of(gradient_squares_)) * step.scale;
    if (norm > config_.clip_norm) step.scale *= config_.clip_norm / norm;
  }
  step.rates = segment_rates(step, learning_rate);
  step.adam = adam_factors(static_cast<float>(step.scale), learning_rate);
  for_pieces(replica, [&](std::size_t piece) { update_piece(step, piece); });
}

GradientReport Optimizer::update(Replica& replica, const GradientSum& gradient, double learning_rate) {
  const GradientReport report = measure(replica, gradient);
  if (report.bad_segment < 0) apply(replica, gradient, learning_rate);
  return report;
}

void update_statistics(Replica& replica, std::span<const float> statistics_sum, std::int64_t samples) {
  expect_contract(samples > 0, "moving averages divide by the samples of their step");
  expect_contract(statistics_sum.size() >= replica.statistics().size(),
                  "statistics are laid out as the statistics arena");
  const float scale = static_cast<float>(1.0 / static_cast<double>(samples));
  for (const Segment& segment : replica.layout().statistics) {
    const auto& norm = std::get<BatchNorm>(replica.network().layers.at(segment.layer).operation);
    moving_average(norm.momentum, scale, statistics_sum.subspan(segment.offset, segment.count),
                   replica.statistics().subspan(segment.offset, segment.count));
  }
}

}  // namespace annulus::trainer
