// Optimizers against PyTorch's values, hand-sized cases and formulas in double; and that neither threads nor
// layout change a bit where they must not.
#include "trainer/loop/optimizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/loop/optimizer_reference.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

// A few float roundings of numbers of the order of one, against double.
constexpr double kFloatTolerance = 2e-6;

/// One dense layer: kernel of `kernel` elements, bias of `bias`.
Network dense_network(std::int64_t kernel, std::int64_t bias) {
  Layer layer;
  layer.name = "dense";
  layer.operation = Dense{};
  layer.parameters = {{.name = "kernel", .extents = {kernel, 1}, .decays = true},
                      {.name = "bias", .extents = {bias}, .decays = false}};
  Network network;
  network.layers = {layer};
  return network;
}

/// Whatever the optimizer: what the configuration fixes stays, whatever its gradient, which counts for no
/// norm.
TEST(FixedWeights, AreNeverChangedAndCountForNoNorm) {
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw,
                                   OptimizerKind::lars, OptimizerKind::rmsprop, OptimizerKind::lion}) {
    SCOPED_TRACE(word_of(kind));
    Network network = dense_network(3, 2);
    network.layers[0].parameters[0].fixed = {0.5f, -2.0f, 8.0f};
    FakeReplica replica(network);
    const std::size_t bias_at = replica.layout().trainable[1].offset;
    for (std::size_t i = 0; i < 3; ++i) replica.parameters()[i] = network.layers[0].parameters[0].fixed[i];
    replica.parameters()[bias_at] = 1.0f;
    std::vector<float> gradients(replica.parameters().size(), 0.0f);
    gradients[0] = gradients[2] = std::numeric_limits<float>::infinity();
    gradients[bias_at] = 3;
    gradients[bias_at + 1] = 4;
    Optimizer optimizer({.kind = kind, .learning_rate = 0.1, .weight_decay = 0.1, .clip_norm = 1}, network,
                        replica.layout());

    const GradientReport report = optimizer.update(replica, {gradients, 1}, 0.1);

    EXPECT_EQ(report.bad_segment, -1);
    EXPECT_EQ(report.norm, 5);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_EQ(replica.parameters()[i], network.layers[0].parameters[0].fixed[i]);
    EXPECT_NE(replica.parameters()[bias_at], 1.0f);
  }
}

/// The case of optimizer_reference.py.
constexpr std::int64_t kKernel = 6;
constexpr std::int64_t kBias = 2;
constexpr std::int64_t kSamples = 4;

double start_value(int i) { return (i * 5 % 8 - 3) / 4.0; }
float gradient_value(int step, int i) { return static_cast<float>((i * 7 + step * 5) % 11 - 4); }

std::vector<float> train_case(const OptimizerConfig& config) {
  FakeReplica replica(dense_network(kKernel, kBias));
  Optimizer optimizer(config, replica.network(), replica.layout());
  const std::size_t bias_at = replica.layout().trainable[1].offset;
  const auto place = [&](int i) {
    return i < kKernel ? static_cast<std::size_t>(i) : bias_at + static_cast<std::size_t>(i - kKernel);
  };
  for (int i = 0; i < kKernel + kBias; ++i)
    replica.parameters()[place(i)] = static_cast<float>(start_value(i));
  for (int step = 0; step < 4; ++step) {
    std::vector<float> gradients(replica.parameters().size(), 0.0f);
    for (int i = 0; i < kKernel + kBias; ++i) gradients[place(i)] = gradient_value(step, i);
    optimizer.update(replica, {gradients, kSamples}, config.learning_rate);
  }
  std::vector<float> result;
  for (int i = 0; i < kKernel + kBias; ++i) result.push_back(replica.parameters()[place(i)]);
  return result;
}

void expect_near(const std::vector<float>& got, const std::array<double, kKernel + kBias>& wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], kFloatTolerance) << "element " << i;
}

TEST(Optimizer, SgdHasPyTorchsValues) { expect_near(train_case({.learning_rate = 0.05}), reference::sgd); }

TEST(Optimizer, MomentumHasPyTorchsValues) {
  expect_near(train_case({.learning_rate = 0.05, .momentum = 0.9}), reference::momentum);
}

TEST(Optimizer, NesterovWithDecayHasPyTorchsValues) {
  expect_near(train_case({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1}),
              reference::nesterov_decay);
}

TEST(Optimizer, PlainSgdWithDecayHasPyTorchsValues) {
  expect_near(train_case({.learning_rate = 0.05, .weight_decay = 0.1}), reference::sgd_decay);
}

TEST(Optimizer, AdamHasPyTorchsValues) {
  expect_near(train_case({.kind = OptimizerKind::adam, .learning_rate = 0.05}), reference::adam);
}

TEST(Optimizer, AdamWithDecayHasPyTorchsValues) {
  expect_near(train_case({.kind = OptimizerKind::adam,
                          .learning_rate = 0.05,
                          .beta1 = 0.8,
                          .beta2 = 0.99,
                          .weight_decay = 0.1}),
              reference::adam_decay);
}

TEST(Optimizer, AdamWHasPyTorchsValues) {
  expect_near(train_case({.kind = OptimizerKind::adamw, .learning_rate = 0.05, .weight_decay = 0.1}),
              reference::adamw_decay);
}

TEST(Optimizer, RmsPropHasPyTorchsValues) {
  expect_near(train_case({.kind = OptimizerKind::rmsprop, .learning_rate = 0.05}), reference::rmsprop);
}

TEST(Optimizer, RmsPropWithMomentumHasPyTorchsValues) {
  expect_near(train_case({.kind = OptimizerKind::rmsprop,
                          .learning_rate = 0.05,
                          .momentum = 0.9,
                          .epsilon = 0.01,
                          .rho = 0.8,
                          .weight_decay = 0.1}),
              reference::rmsprop_momentum_decay);
}

TEST(Optimizer, CenteredRmsPropHasPyTorchsValues) {
  OptimizerConfig config{
      .kind = OptimizerKind::rmsprop, .learning_rate = 0.05, .epsilon = 0.01, .centered = true};
  expect_near(train_case(config), reference::rmsprop_centered);
  config.momentum = 0.5;
  config.rho = 0.8;
  config.weight_decay = 0.1;
  expect_near(train_case(config), reference::rmsprop_centered_momentum_decay);
}

TEST(Optimizer, CenteredRmsPropSurvivesAVarianceThatRoundsBelowZero) {
  FakeReplica replica(dense_network(64, 1));
  Optimizer optimizer({.kind = OptimizerKind::rmsprop, .centered = true}, replica.network(),
                      replica.layout());
  std::vector<float> gradients(replica.parameters().size());
  for (std::size_t i = 0; i < gradients.size(); ++i) gradients[i] = 1.0f + 0.01f * static_cast<float>(i);

  for (int step = 0; step < 400; ++step) optimizer.update(replica, {gradients, 3}, 0.001);  // variance -> 0

  for (const float value : replica.parameters()) EXPECT_TRUE(std::isfinite(value));
}

TEST(Optimizer, LionHasTheValuesOfItsAlgorithm) {
  OptimizerConfig config{.kind = OptimizerKind::lion, .learning_rate = 0.05, .beta2 = 0.99};
  expect_near(train_case(config), reference::lion);
  config.beta1 = 0.6;
  config.beta2 = 0.7;
  config.weight_decay = 0.1;
  expect_near(train_case(config), reference::lion_decay);
}

TEST(Optimizer, LionLeavesAWeightWithoutGradientAlone) {
  FakeReplica replica(dense_network(2, 1));
  replica.parameters()[0] = 0.5f;
  Optimizer optimizer({.kind = OptimizerKind::lion}, replica.network(), replica.layout());

  optimizer.update(replica, {std::vector<float>(replica.parameters().size(), 0.0f), 1}, 0.1);

  EXPECT_EQ(replica.parameters()[0], 0.5f);  // the sign of zero is zero
}

TEST(Optimizer, ClippingHasPyTorchsValues) {
  // PyTorch divides by the norm + 1e-6, which shows in the sixth digit.
  const auto got = train_case({.learning_rate = 0.05, .momentum = 0.9, .clip_norm = 0.5});

  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], reference::momentum_clipped[i], 5e-6) << i;
}

TEST(Optimizer, ClippingLeavesSmallGradientsAlone) {
  const OptimizerConfig plain{.momentum = 0.9};
  OptimizerConfig clipped = plain;
  clipped.clip_norm = 1e6;

  EXPECT_EQ(train_case(plain), train_case(clipped));
}

TEST(Optimizer, LarsFollowsTheFormula) {
  // You, Gitman & Ginsburg 2017, algorithm 1, one step from zero momentum, in double.
  FakeReplica replica(dense_network(3, 2));
  const std::size_t bias = replica.layout().trainable[1].offset;
  std::vector<float> gradients(replica.parameters().size(), 0.0f);
  for (std::size_t i = 0; i < 3; ++i) {
    replica.parameters()[i] = static_cast<float>(i) + 1.0f;  // |w| = sqrt(14)
    gradients[i] = 2.0f;                                     // mean 1 each: |g| = sqrt(3)
  }
  replica.parameters()[bias] = 5.0f;
  gradients[bias] = 4.0f;  // mean 2
  const OptimizerConfig config{
      .kind = OptimizerKind::lars, .momentum = 0.9, .weight_decay = 0.5, .trust_coefficient = 0.01};
  Optimizer optimizer(config, replica.network(), replica.layout());

  optimizer.update(replica, {gradients, 2}, 0.1);

  const double trust = 0.01 * std::sqrt(14.0) / (std::sqrt(3.0) + 0.5 * std::sqrt(14.0));
  for (std::size_t i = 0; i < 3; ++i) {
    const double w = static_cast<double>(i) + 1.0;
    EXPECT_NEAR(replica.parameters()[i], w - 0.1 * trust * (1.0 + 0.5 * w), kFloatTolerance);
  }
  EXPECT_NEAR(replica.parameters()[bias], 5.0 - 0.1 * 2.0, kFloatTolerance);  // neither trust ratio nor decay
}

TEST(Optimizer, LarsMovesParametersThatAreAllZero) {
  FakeReplica replica(dense_network(3, 1));
  const std::vector<float> gradients(replica.parameters().size(), 1.0f);
  Optimizer optimizer({.kind = OptimizerKind::lars}, replica.network(), replica.layout());

  optimizer.update(replica, {gradients, 1}, 0.1);

  EXPECT_FLOAT_EQ(replica.parameters()[0], -0.1f);
}

TEST(Optimizer, ReportsTheNormOfTheMeanGradient) {
  FakeReplica replica(dense_network(2, 1));
  std::vector<float> gradients(replica.parameters().size(), 0.0f);
  gradients[0] = 6.0f;
  gradients[1] = 8.0f;
  Optimizer optimizer({}, replica.network(), replica.layout());

  const GradientReport report = optimizer.update(replica, {gradients, 2}, 0.1);

  EXPECT_DOUBLE_EQ(report.norm, 5.0);
  EXPECT_EQ(report.bad_segment, -1);
}

class OptimizerGuard : public testing::TestWithParam<OptimizerConfig> {};

TEST_P(OptimizerGuard, LeavesEverythingAloneWhenTheGradientIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    FakeReplica replica(dense_network(20000, 3));
    fill_trainable(replica, replica.parameters(), 1);
    std::vector<float> gradients(replica.parameters().size(), 0.5f);
    Optimizer optimizer(GetParam(), replica.network(), replica.layout());
    optimizer.update(replica, {gradients, 1}, 0.1);
    const auto values = [&] {
      std::vector<float> all(replica.parameters().begin(), replica.parameters().end());
      for (const StateArena& state : optimizer.states())
        all.insert(all.end(), state.values.begin(), state.values.end());
      return all;
    };
    const std::vector<float> before = values();
    gradients[replica.layout().trainable[1].offset] = bad;  // of the bias

    const GradientReport report = optimizer.update(replica, {gradients, 1}, 0.1);

    EXPECT_EQ(report.bad_segment, 1);
    EXPECT_FALSE(std::isfinite(report.squares));
    EXPECT_EQ(values(), before);
    EXPECT_EQ(optimizer.steps(), 1U);  // Adam's bias correction counts updates
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptimizerGuard,
                         testing::Values(OptimizerConfig{},
                                         OptimizerConfig{.momentum = 0.9, .clip_norm = 0.1},
                                         OptimizerConfig{.momentum = 0.9, .nesterov = true},
                                         OptimizerConfig{.kind = OptimizerKind::adam},
                                         OptimizerConfig{.kind = OptimizerKind::adamw},
                                         OptimizerConfig{.kind = OptimizerKind::lars, .momentum = 0.9},
                                         OptimizerConfig{.kind = OptimizerKind::rmsprop, .centered = true},
                                         OptimizerConfig{.kind = OptimizerKind::lion}));

struct ThreadCase {
  const char* name;
  OptimizerConfig config;
};
class OptimizerThreads : public testing::TestWithParam<ThreadCase> {};

/// Parameters, states and norm after three steps on a model that is large enough to be shared out.
std::vector<float> train_large(const OptimizerConfig& config, int threads) {
  FakeReplica replica(dense_network(150001, 1003), FakeLayout::keras, threads);
  fill_trainable(replica, replica.parameters(), 1);
  Optimizer optimizer(config, replica.network(), replica.layout());
  std::vector<float> result;
  for (std::uint32_t step = 0; step < 3; ++step) {
    std::vector<float> gradients(replica.parameters().size(), 0.0f);
    fill_trainable(replica, gradients, 2 + step);
    result.push_back(static_cast<float>(optimizer.update(replica, {gradients, 7}, 0.1).norm));
  }
  result.insert(result.end(), replica.parameters().begin(), replica.parameters().end());
  for (const StateArena& state : optimizer.states())
    result.insert(result.end(), state.values.begin(), state.values.end());
  return result;
}

TEST_P(OptimizerThreads, DoNotChangeTheBits) {
  const std::vector<float> one = train_large(GetParam().config, 1);

  EXPECT_EQ(one, train_large(GetParam().config, 2));
  EXPECT_EQ(one, train_large(GetParam().config, 5));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, OptimizerThreads,
    testing::Values(
        ThreadCase{"momentum_clipped", {.momentum = 0.9, .weight_decay = 0.01, .clip_norm = 1e-3}},
        ThreadCase{"adamw", {.kind = OptimizerKind::adamw, .weight_decay = 0.01}},
        ThreadCase{"lars", {.kind = OptimizerKind::lars, .momentum = 0.9, .weight_decay = 0.01}},
        ThreadCase{"rmsprop", {.kind = OptimizerKind::rmsprop, .momentum = 0.9, .centered = true}},
        ThreadCase{"lion", {.kind = OptimizerKind::lion, .weight_decay = 0.01}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Optimizer, LayoutDoesNotChangeElementwiseUpdates) {
  const OptimizerConfig config{.kind = OptimizerKind::adam, .weight_decay = 0.1};
  FakeReplica keras(small_network(), FakeLayout::keras);
  FakeReplica foreign(small_network(), FakeLayout::foreign);
  for (FakeReplica* replica : {&keras, &foreign}) {
    fill_trainable(*replica, replica->parameters(), 1);
    std::vector<float> gradients(replica->parameters().size(), 0.0f);
    fill_trainable(*replica, gradients, 2);
    Optimizer optimizer(config, replica->network(), replica->layout());
    optimizer.update(*replica, {gradients, 3}, 0.1);
  }

  const Segment& first = keras.layout().trainable.front();
  const Segment& same = foreign.layout().trainable.back();
  EXPECT_EQ(keras.read(first, keras.parameters()), foreign.read(same, foreign.parameters()));
}

TEST(Optimizer, KeepsPaddingAtZero) {
  FakeReplica replica(small_network(), FakeLayout::foreign);
  fill_trainable(replica, replica.parameters(), 1);
  std::vector<float> gradients(replica.parameters().size(), 0.0f);
  fill_trainable(replica, gradients, 2);
  Optimizer optimizer({.kind = OptimizerKind::adam, .weight_decay = 0.1}, replica.network(),
                      replica.layout());

  optimizer.update(replica, {gradients, 3}, 0.1);

  const Segment& bias = replica.layout().trainable.front();  // 3 values, padded to 16
  EXPECT_EQ(bias.count, 16u);
  for (std::size_t i = 3; i < bias.count; ++i) EXPECT_EQ(replica.parameters()[bias.offset + i], 0.0f) << i;
}

TEST(Optimizer, ContinuesFromRestoredStates) {
  const OptimizerConfig config{.kind = OptimizerKind::adam};
  FakeReplica replica(dense_network(50, 4));
  std::vector<float> gradients(replica.parameters().size(), 0.0f);
  fill_trainable(replica, gradients, 1);
  Optimizer whole(config, replica.network(), replica.layout());
  whole.update(replica, {gradients, 2}, 0.1);
  FakeReplica copy(dense_network(50, 4));
  std::copy(replica.parameters().begin(), replica.parameters().end(), copy.parameters().begin());
  Optimizer resumed(config, copy.network(), copy.layout());
  for (std::size_t s = 0; s < whole.states().size(); ++s)
    std::copy(whole.states()[s].values.begin(), whole.states()[s].values.end(),
              resumed.states()[s].values.begin());
  resumed.set_steps(whole.steps());

  whole.update(replica, {gradients, 2}, 0.1);
  resumed.update(copy, {gradients, 2}, 0.1);

  EXPECT_TRUE(
      std::equal(replica.parameters().begin(), replica.parameters().end(), copy.parameters().begin()));
}

TEST(Optimizer, ForgetsSubnormalMomentum) {
  FakeReplica replica(dense_network(1, 1));
  std::vector<float> gradients(replica.parameters().size(), 0.0f);
  Optimizer optimizer({.momentum = 0.5}, replica.network(), replica.layout());
  optimizer.states()[0].values[0] = std::numeric_limits<float>::min();

  optimizer.update(replica, {gradients, 1}, 0.1);

  EXPECT_EQ(optimizer.states()[0].values[0], 0.0f);
}

/// A key of `optimizer` and a change of it.
struct KeyChange {
  const char* key;
  void (*apply)(OptimizerConfig&);
};
const std::vector<KeyChange> kChanges{
    {"learning_rate", [](OptimizerConfig& config) { config.learning_rate = 0.02; }},
    {"momentum", [](OptimizerConfig& config) { config.momentum = 0.8; }},
    {"nesterov", [](OptimizerConfig& config) { config.nesterov = true; }},
    {"beta1", [](OptimizerConfig& config) { config.beta1 = 0.5; }},
    {"beta2", [](OptimizerConfig& config) { config.beta2 = 0.5; }},
    {"epsilon", [](OptimizerConfig& config) { config.epsilon = 0.1; }},
    {"rho", [](OptimizerConfig& config) { config.rho = 0.5; }},
    {"centered", [](OptimizerConfig& config) { config.centered = true; }},
    {"weight_decay", [](OptimizerConfig& config) { config.weight_decay = 0.5; }},
    {"trust_coefficient", [](OptimizerConfig& config) { config.trust_coefficient = 0.1; }},
    {"clip_norm", [](OptimizerConfig& config) { config.clip_norm = 0.1; }},
};

/// Parameters after four steps whose gradients grow: lion looks at signs alone, and clipping must show in
/// them.
std::vector<float> train_growing(const OptimizerConfig& config) {
  FakeReplica replica(dense_network(500, 30));
  fill_trainable(replica, replica.parameters(), 1);
  Optimizer optimizer(config, replica.network(), replica.layout());
  for (std::uint32_t step = 0; step < 4; ++step) {
    std::vector<float> gradients(replica.parameters().size(), 0.0f);
    fill_trainable(replica, gradients, 2 + step);
    for (float& gradient : gradients) gradient *= static_cast<float>(1 + 3 * step);
    optimizer.update(replica, {gradients, 7}, config.learning_rate);
  }
  return {replica.parameters().begin(), replica.parameters().end()};
}

TEST(Optimizer, KeysMatterToTheKindsThatNameThem) {
  std::vector<std::string> keys{"optimizer.kind"};
  for (const KeyChange& change : kChanges) keys.push_back(std::string("optimizer.") + change.key);
  for (const Origin& value : config_values(Config{})) {
    if (!value.key.starts_with("optimizer.")) continue;
    EXPECT_THAT(keys, testing::Contains(value.key));
  }

  for (const OptimizerRow& row : kOptimizers) {
    const OptimizerConfig plain{.kind = row.kind, .momentum = 0.5, .beta2 = 0.9, .weight_decay = 0.1};
    for (const KeyChange& change : kChanges) {
      OptimizerConfig changed = plain;
      change.apply(changed);
      const bool for_all = words_using(kOptimizers, change.key).empty();
      EXPECT_EQ(train_growing(changed) != train_growing(plain), for_all || uses(row, change.key))
          << row.word << ", " << change.key;
    }
  }
}

TEST(Optimizer, NamesItsStates) {
  const FakeReplica replica(dense_network(2, 1));
  const auto names = [&](const OptimizerConfig& config) {
    Optimizer optimizer(config, replica.network(), replica.layout());
    std::vector<std::string> result;
    for (const StateArena& state : optimizer.states()) result.push_back(state.name);
    return result;
  };

  EXPECT_EQ(names({}), std::vector<std::string>{});
  EXPECT_EQ(names({.momentum = 0.9}), std::vector<std::string>{"momentum"});
  EXPECT_EQ(names({.kind = OptimizerKind::adamw}), (std::vector<std::string>{"m", "v"}));
  EXPECT_EQ(names({.kind = OptimizerKind::rmsprop, .momentum = 0.9, .centered = true}),
            (std::vector<std::string>{"mean_square", "mean", "momentum"}));
}

TEST(UpdateStatistics, MovesTheAveragesByTheLayersMomentum) {
  FakeReplica replica;  // batch norm with momentum 0.75 over 4 channels
  std::fill(replica.statistics().begin(), replica.statistics().end(), 1.0f);
  const std::vector<float> sums = {8, 8, 8, 8, 0, 0, 0, 16};  // over 4 samples

  update_statistics(replica, sums, 4);

  EXPECT_FLOAT_EQ(replica.statistics()[0], 0.75f * 1 + 0.25f * 2);
  EXPECT_FLOAT_EQ(replica.statistics()[4], 0.75f);
  EXPECT_FLOAT_EQ(replica.statistics()[7], 0.75f * 1 + 0.25f * 4);
}

TEST(Optimizer, RefusesGradientsOfAnotherLength) {
  FakeReplica replica(dense_network(2, 1));
  Optimizer optimizer({}, replica.network(), replica.layout());

  EXPECT_THROW(optimizer.update(replica, {std::vector<float>(3), 1}, 0.1), std::logic_error);
}

}  // namespace
}  // namespace annulus::trainer
