// See optimizer.hpp. A step is two passes over the gradient: nothing may change before all of it is known to
// be finite, and clipping and LARS need norms first. The loops themselves are in optimizer_kernels.cpp.
#include "trainer/loop/optimizer.hpp"

#include <cmath>

#include "base/error.hpp"
#include "trainer/backend/rules/optimizer_rules.hpp"
#include "trainer/loop/optimizer_kernels.hpp"

namespace annulus::trainer {
namespace {

/// Below this the update takes less than waking the threads.
constexpr std::size_t kThreadedElements = 65536;

double total_of(std::span<const double> sums) {
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

/// What one call of apply() passes down to the pieces.
struct Optimizer::Step {
  std::span<float> parameters;
  std::span<const float> gradients;
  double scale = 1;           ///< of the gradient sum: clipping factor / samples
  std::vector<double> rates;  ///< per segment
  AdamBias bias{};
};

Optimizer::Optimizer(const OptimizerConfig& config, const Network& network, const ArenaLayout& layout)
    : config_(config),
      plan_(plan_update(config, network, layout)),
      gradient_squares_(plan_.pieces.size()),
      parameter_squares_(has_trust_ratio(config) ? plan_.pieces.size() : 0) {
  state_.arenas.assign(state_names(config).size(), std::vector<float>(layout.trainable_count));
}

std::vector<StateArena> Optimizer::states() {
  std::vector<StateArena> states;
  for (const std::string& name : state_names(config_)) states.push_back({name, state_.arenas[states.size()]});
  return states;
}

template <class Body>
void Optimizer::for_pieces(Replica& replica, const Body& body) const {
  const auto run = [&](std::size_t begin, std::size_t end) {
    for (std::size_t piece = begin; piece < end; ++piece) body(piece);
  };
  WorkerPool& workers = replica.workers();
  const std::size_t pieces = plan_.pieces.size();
  if (workers.size() == 1 || pieces * kPieceElements < kThreadedElements)
    run(0, pieces);
  else
    workers.for_chunks(pieces, 4, run);
}

GradientReport Optimizer::measure(Replica& replica, const GradientSum& gradient) {
  expect_contract(gradient.samples > 0, "an update divides by the samples of its step");
  expect_contract(gradient.values.size() == replica.parameters().size(),
                  "gradients are laid out as the parameter arena");
  const std::span<const float> parameters = replica.parameters();
  for_pieces(replica, [&](std::size_t piece) {
    const auto begin = static_cast<std::size_t>(plan_.pieces[piece].begin);
    const auto count = static_cast<std::size_t>(plan_.pieces[piece].count);
    gradient_squares_[piece] = sum_of_squares(gradient.values.subspan(begin, count));
    if (!parameter_squares_.empty())
      parameter_squares_[piece] = sum_of_squares(parameters.subspan(begin, count));
  });
  GradientReport report{.squares = total_of(gradient_squares_)};
  report.norm = std::sqrt(report.squares) / static_cast<double>(gradient.samples);
  for (std::size_t piece = 0; piece < plan_.pieces.size() && report.bad_segment < 0; ++piece)
    if (!rules::is_finite(gradient_squares_[piece])) report.bad_segment = plan_.pieces[piece].segment;
  return report;
}

std::vector<double> Optimizer::segment_rates(double scale, double rate) const {
  std::vector<double> rates(plan_.segments.size(), rate);
  if (parameter_squares_.empty()) return rates;
  const auto norm_of = [](const std::vector<double>& squares, const PieceRange& range) {
    double sum = 0;
    for (std::int64_t piece = range.begin; piece < range.end; ++piece)
      sum += squares[static_cast<std::size_t>(piece)];
    return std::sqrt(sum);
  };
  for (std::size_t s = 0; s < rates.size(); ++s) {
    if (plan_.segments[s].is_kernel == 0) continue;
    const PieceRange& range = plan_.ranges[1 + s];
    rates[s] = rules::trusted_rate(config_, rate, norm_of(gradient_squares_, range) * scale,
                                   norm_of(parameter_squares_, range));
  }
  return rates;
}

template <class Rule, std::size_t... State>
void Optimizer::update_as(const Step& step, const Piece& piece, std::index_sequence<State...>) {
  const auto segment = static_cast<std::size_t>(piece.segment);
  const Rule rule(config_, {.gradient_scale = step.scale,
                            .rate = step.rates[segment],
                            .decay = plan_.segments[segment].decay,
                            .bias = step.bias});
  update_run(rule, static_cast<std::size_t>(piece.count), step.parameters.data() + piece.begin,
             step.gradients.data() + piece.begin, state_.arenas[State].data() + piece.begin...);
}

void Optimizer::update_piece(const Step& step, const Piece& piece) {
  with_rule(config_, [&](auto type) {
    using Rule = typename decltype(type)::Rule;
    update_as<Rule>(step, piece, std::make_index_sequence<Rule::kStates.size()>());
  });
}

void Optimizer::apply(Replica& replica, const GradientSum& gradient, double learning_rate) {
  ++state_.steps;
  const double scale =
      rules::gradient_scale(config_, static_cast<double>(gradient.samples), total_of(gradient_squares_));
  const Step step{.parameters = replica.parameters(),
                  .gradients = gradient.values,
                  .scale = scale,
                  .rates = segment_rates(scale, learning_rate),
                  .bias = adam_bias(config_, state_.steps, learning_rate)};
  for_pieces(replica, [&](std::size_t piece) { update_piece(step, plan_.pieces[piece]); });
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
    const float momentum = moving_momentum(replica.network().layers.at(segment.layer));
    moving_average(momentum, scale, statistics_sum.subspan(segment.offset, segment.count),
                   replica.statistics().subspan(segment.offset, segment.count));
  }
}

}  // namespace annulus::trainer
