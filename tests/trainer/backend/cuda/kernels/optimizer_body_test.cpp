// The GPU's update against the host's optimizer, on the host: every rule over several steps, on tensors
// longer and shorter than a piece.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/random_tensor.hpp"
#include "tests/trainer/backend/cuda/host_executor.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "trainer/backend/contract/update_plan.hpp"
#include "trainer/backend/cuda/kernels/apply_optimizer.hpp"
#include "trainer/backend/cuda/update_scalars.hpp"
#include "trainer/loop/optimizer.hpp"

namespace annulus::trainer::cuda {
namespace {

Network long_network() {
  Network network = small_network();
  network.layers.back().parameters.front().extents = {3001, 3};  // three pieces, the last one short and odd
  return network;
}

/// A replica's arenas as the kernels see them.
class BodyUpdate {
 public:
  /// @param shift  floats that arenas and sums lie behind where four are moved at once
  BodyUpdate(const OptimizerConfig& config, const Replica& replica, std::size_t shift = 0)
      : config_(config),
        plan_(plan_update(config, replica.network(), replica.layout())),
        offset_(gradient_offset(replica.layout())),
        shift_(shift),
        parameters(shift + replica.layout().trainable_count),
        states(kMostStates, std::vector<float>(parameters.size())),
        statistics(replica.layout().statistics_count) {}

  StepReport run(const std::vector<float>& given, const UpdateStep& step) {
    std::vector<float> sums(shift_);
    sums.insert(sums.end(), given.begin(), given.end());
    const UpdateScalars scalars = update_scalars(config_, step);
    std::vector<double> squares(2 * plan_.pieces.size(), NAN), totals(2 * plan_.ranges.size(), NAN);
    StepReport report;
    UpdateCall call{.config = config_, .scalars = &scalars, .head = sums.data() + shift_};
    call.pieces = plan_.pieces.data();
    call.pieces_count = static_cast<std::int64_t>(plan_.pieces.size());
    call.ranges = plan_.ranges.data();
    call.ranges_count = static_cast<std::int64_t>(plan_.ranges.size());
    call.rules_of = plan_.segments.data();
    call.gradients = sums.data() + shift_ + offset_;
    call.parameters = parameters.data() + shift_;
    for (std::size_t i = 0; i < kMostStates; ++i) call.states.at[i] = states[i].data() + shift_;
    call.gradient_squares = squares.data();
    call.parameter_squares = squares.data() + plan_.pieces.size();
    call.gradient_sums = totals.data();
    call.parameter_sums = totals.data() + plan_.ranges.size();
    call.statistics_sums = sums.data() + shift_ + kGradientHead;
    call.momenta = plan_.momenta.data();
    call.statistics = statistics.data();
    call.statistics_count = static_cast<std::int64_t>(statistics.size());
    call.decision = &decision_;
    call.report = &report;
    apply(call, HostExecutor{});
    return report;
  }

 private:
  OptimizerConfig config_;
  UpdatePlan plan_;
  std::size_t offset_, shift_;
  UpdateDecision decision_{};

 public:
  std::vector<float> parameters;
  std::vector<std::vector<float>> states;
  std::vector<float> statistics;
};

struct RuleCase {
  const char* name;
  OptimizerConfig config;
};

class UpdateRules : public testing::TestWithParam<RuleCase> {};

/// Largest difference relative to the largest value.
double difference(std::span<const float> one, std::span<const float> other) {
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(other[i])));
    apart = std::max(apart, std::fabs(static_cast<double>(one[i]) - static_cast<double>(other[i])));
  }
  return largest > 0 ? apart / largest : apart;
}

TEST_P(UpdateRules, GiveTheHostsParametersStatesAndNorm) {
  const OptimizerConfig& config = GetParam().config;
  FakeReplica replica(long_network());
  Optimizer optimizer(config, replica.network(), replica.layout());
  fill_trainable(replica, replica.parameters(), 1);
  fill_statistics(replica, 2);
  BodyUpdate device(config, replica);
  device.parameters.assign(replica.parameters().begin(), replica.parameters().end());
  device.statistics.assign(replica.statistics().begin(), replica.statistics().end());
  // Without norms in the update it is the same arithmetic; norms are summed in another order, which may show
  // in the last bit of a float32 factor.
  const double tolerance = config.clip_norm > 0 || has_trust_ratio(config) ? 1e-6 : 0;

  for (std::uint64_t t = 1; t <= 4; ++t) {
    const std::vector<float> sums = test::random_floats(gradient_elements(replica.layout()), t);
    const double rate = 0.1 / static_cast<double>(t);
    const std::span<const float> all(sums);
    const auto gradients = all.subspan(gradient_offset(replica.layout()));
    const GradientReport host = optimizer.update(replica, {gradients, 7}, rate);
    update_statistics(replica, all.subspan(kGradientHead), 7);
    const StepReport report = device.run(sums, {rate, 7, t});

    // Sums of some 10^4 squares in double, in another order.
    EXPECT_NEAR(std::sqrt(report.gradient_squares) / 7, host.norm, 1e-12 * host.norm);
    EXPECT_EQ(report.loss, sums[kLossSum]);
    EXPECT_EQ(report.correct, sums[kCorrectCount]);
  }

  EXPECT_LE(difference(device.parameters, replica.parameters()), tolerance);
  EXPECT_LE(difference(device.statistics, replica.statistics()), 0);
  const std::vector<StateArena> states = optimizer.states();
  for (std::size_t i = 0; i < states.size(); ++i) {
    EXPECT_LE(difference(device.states[i], states[i].values), tolerance) << states[i].name;
  }
}

TEST_P(UpdateRules, HaveTheSameBitsWhereFourValuesAreNotMovedAtOnce) {
  const FakeReplica replica(long_network());
  BodyUpdate straight(GetParam().config, replica), shifted(GetParam().config, replica, 1);
  const std::vector<float> start = test::random_floats(straight.parameters.size(), 9);
  straight.parameters = start;
  std::ranges::copy(start, shifted.parameters.begin() + 1);
  for (std::uint64_t t = 1; t <= 3; ++t) {
    const std::vector<float> sums = test::random_floats(gradient_elements(replica.layout()), t);
    const StepReport one = straight.run(sums, {0.1, 7, t}), other = shifted.run(sums, {0.1, 7, t});
    EXPECT_EQ(one.gradient_squares, other.gradient_squares);
  }

  const auto behind_shift = [](const std::vector<float>& values) {
    return std::vector<float>(values.begin() + 1, values.end());
  };
  EXPECT_EQ(behind_shift(shifted.parameters), straight.parameters);
  for (std::size_t i = 0; i < kMostStates; ++i)
    EXPECT_EQ(behind_shift(shifted.states[i]), straight.states[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(
    All, UpdateRules,
    testing::Values(RuleCase{"plain", {}}, RuleCase{"decay", {.weight_decay = 0.1}},
                    RuleCase{"momentum", {.momentum = 0.9, .weight_decay = 0.01}},
                    RuleCase{"nesterov", {.momentum = 0.9, .nesterov = true, .weight_decay = 0.01}},
                    RuleCase{"clipped", {.momentum = 0.9, .weight_decay = 0.01, .clip_norm = 0.5}},
                    RuleCase{"unclipped", {.momentum = 0.9, .clip_norm = 1e6}},
                    RuleCase{"adam", {.kind = OptimizerKind::adam, .weight_decay = 0.01}},
                    RuleCase{"adam_clipped", {.kind = OptimizerKind::adam, .clip_norm = 0.5}},
                    RuleCase{"adamw", {.kind = OptimizerKind::adamw, .weight_decay = 0.1}},
                    RuleCase{"lars", {.kind = OptimizerKind::lars, .momentum = 0.9, .weight_decay = 0.01}},
                    RuleCase{"rmsprop", {.kind = OptimizerKind::rmsprop, .weight_decay = 0.01}},
                    RuleCase{"rmsprop_momentum", {.kind = OptimizerKind::rmsprop, .momentum = 0.9}},
                    RuleCase{"rmsprop_centered", {.kind = OptimizerKind::rmsprop, .centered = true}},
                    RuleCase{"rmsprop_centered_momentum",
                             {.kind = OptimizerKind::rmsprop, .momentum = 0.9, .centered = true}},
                    RuleCase{"lion", {.kind = OptimizerKind::lion, .weight_decay = 0.1}}),
    [](const auto& shown) { return shown.param.name; });

TEST(PieceSquares, AreSummedInLanesThenInHalves) {
  for (const std::int32_t count : {1, 6, 255, 1003, 4096})
    for (const std::size_t shift : {0, 3}) {
      std::vector<float> values = test::random_floats(4100, 4);
      for (std::size_t i = 0; i < values.size(); i += 5) values[i] *= 0x1p20f;  // so that the order shows
      std::vector<double> lanes(kPieceLanes);
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const double value = values[shift + i];
        lanes[i % kPieceLanes] += value * value;
      }
      for (std::size_t half = kPieceLanes / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
      const Piece piece{.begin = static_cast<std::int64_t>(shift), .count = count, .segment = 0};
      double squares = NAN;

      run_on_host(OverPieces<PieceSquaresBody>{
          .count = 1, .body = {.pieces = &piece, .values = values.data(), .squares = &squares}});

      EXPECT_EQ(squares, lanes[0]) << count << " values at " << shift;
    }
}

TEST(UpdateReport, SumsMorePiecesThanABlockHasLanes) {
  Network network = small_network();
  network.layers.back().parameters.front().extents = {400000, 3};  // 293 pieces
  FakeReplica replica(network);
  BodyUpdate device({}, replica);
  double elements = 0;
  for (const Segment& segment : replica.layout().trainable) elements += static_cast<double>(segment.count);

  const StepReport report = device.run(std::vector<float>(gradient_elements(replica.layout()), 1.0f), {});

  EXPECT_EQ(report.gradient_squares, elements);  // sums of ones are exact
}

struct BadSum {
  const char* name;
  std::size_t element;  ///< of a gradient buffer of small_network()
  Verdict verdict;
  int segment;
};
class UpdateGuard : public testing::TestWithParam<BadSum> {};

TEST_P(UpdateGuard, ChangesNothingAndSaysWhy) {
  const OptimizerConfig config{.kind = OptimizerKind::adam};
  FakeReplica replica;
  BodyUpdate device(config, replica);
  const std::vector<float> good(gradient_elements(replica.layout()), 1.0f);
  device.run(good, {.learning_rate = 0.1, .t = 1});
  const BodyUpdate before = device;
  std::vector<float> sums = good;
  sums[GetParam().element] = INFINITY;

  const StepReport report = device.run(sums, {.learning_rate = 0.1, .t = 2});

  EXPECT_EQ(report.verdict, GetParam().verdict);
  EXPECT_EQ(report.bad_segment, GetParam().segment);
  EXPECT_EQ(device.parameters, before.parameters);
  EXPECT_EQ(device.states, before.states);
  EXPECT_EQ(device.statistics, before.statistics);
}

// 16 values of head, 8 statistics padded to 16, then segments of 72, 4, 4, 4, 192 and 3 values, each padded.
INSTANTIATE_TEST_SUITE_P(Sums, UpdateGuard,
                         testing::Values(BadSum{"loss", kLossSum, Verdict::loss_not_finite, -1},
                                         BadSum{"statistics", 23, Verdict::statistics_not_finite, -1},
                                         BadSum{"gradient", 32 + 80, Verdict::gradient_not_finite, 1}),
                         [](const auto& shown) { return shown.param.name; });

TEST(UpdateGuard, TakesALossAboveItsLimitForASpike) {
  FakeReplica replica;
  BodyUpdate device({}, replica);
  const std::vector<float> start = device.parameters;
  std::vector<float> sums(gradient_elements(replica.layout()), 1.0f);
  sums[kLossSum] = 12;

  const StepReport spike = device.run(sums, {.learning_rate = 0.1, .samples = 4, .loss_limit = 2.9});
  EXPECT_EQ(spike.verdict, Verdict::spike);
  EXPECT_EQ(device.parameters, start);
  const StepReport good = device.run(sums, {.learning_rate = 0.1, .samples = 4, .loss_limit = 3.0});
  EXPECT_EQ(good.verdict, Verdict::good);
  EXPECT_NE(device.parameters, start);
}

TEST(UpdateGuard, CountsAdamsUpdatesWithoutTheStepThatMadeNone) {
  const OptimizerConfig config{.kind = OptimizerKind::adam};
  FakeReplica replica;
  BodyUpdate known(config, replica);
  BodyUpdate ahead(config, replica);
  const std::vector<float> good(gradient_elements(replica.layout()), 1.0f);
  std::vector<float> bad = good;
  bad[gradient_offset(replica.layout())] = NAN;
  for (const auto& sums : {good, bad})
    known.run(sums, {.learning_rate = 0.1, .t = 1}), ahead.run(sums, {.learning_rate = 0.1, .t = 1});

  known.run(good, {.learning_rate = 0.1, .t = 2});
  ahead.run(
      good,
      {.learning_rate = 0.1, .t = 3, .t_if_skipped = 2});  // begun before the verdict about `bad` was known
  EXPECT_EQ(ahead.parameters, known.parameters);
  known.run(good, {.learning_rate = 0.1, .t = 3});
  ahead.run(good, {.learning_rate = 0.1, .t = 3, .t_if_skipped = 2});  // the step before was good after all
  EXPECT_EQ(ahead.parameters, known.parameters);
}

}  // namespace
}  // namespace annulus::trainer::cuda
