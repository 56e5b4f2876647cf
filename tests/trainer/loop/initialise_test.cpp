// Initial values: their distribution, and that nothing but (seed, layer, parameter, element) decides them.
#include "trainer/loop/initialise.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::Each;

Network network_with(Initializer initializer) {
  return NetworkBuilder({.height = 8, .width = 8, .channels = 16})
      .conv2d({.filters = 48, .kernel = {3, 3}, .initializer = initializer})
      .add(BatchNorm{})
      .conv2d({.filters = 48, .kernel = {3, 3}, .initializer = initializer})
      .flatten()
      .dense({.units = 3}, {.activation = Activation::softmax})
      .build();
}

std::vector<float> kernel_values(Initializer initializer, std::uint64_t seed = 1) {
  return initial_values(network_with(initializer), 0, 0, seed);
}

TEST(InitialValues, AreThoseThatTheConfigurationFixes) {
  const Network network = NetworkBuilder({.height = 2, .width = 2, .channels = 1})
                              .conv2d({.filters = 1, .kernel = {1, 2}, .weights = {{1, 2}, {0.25f, -3}}})
                              .build();

  EXPECT_EQ(initial_values(network, 0, 0, 1), (std::vector<float>{0.25f, -3}));
  EXPECT_THAT(initial_values(network, 0, 1, 1), Each(0.0f));
}

struct Moments {
  double mean = 0;
  double variance = 0;
  double fourth = 0;  ///< of the standardised values
};

Moments moments_of(const std::vector<float>& values) {
  Moments moments;
  const auto count = static_cast<double>(values.size());
  for (const float value : values) moments.mean += value / count;
  for (const float value : values) moments.variance += std::pow(value - moments.mean, 2) / count;
  for (const float value : values)
    moments.fourth += std::pow(value - moments.mean, 4) / (count * moments.variance * moments.variance);
  return moments;
}

// The kernel has 3 * 3 * 16 * 48 = 6912 values: a mean is known to sigma / 83, a variance to 1.2 % (uniform:
// kurtosis 1.8) or 1.7 % (normal), a kurtosis to 0.06 (normal). Bounds are five of these.
constexpr double kFanIn = 9 * 16, kFanOut = 9 * 48;

void expect_uniform(const std::vector<float>& values, double limit) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  EXPECT_GE(*low, -limit);
  EXPECT_LE(*high, limit);
  EXPECT_GT(*high - *low, 1.99 * limit);  // 6912 values leave gaps of 2 / 6912 of the range at the ends
  const Moments moments = moments_of(values);
  EXPECT_NEAR(moments.mean, 0, 5 * limit / std::sqrt(3.0) / 83);
  EXPECT_NEAR(moments.variance, limit * limit / 3, 0.06 * limit * limit / 3);
}

TEST(InitialValues, GlorotUniformFillsItsRange) {
  expect_uniform(kernel_values(Initializer::glorot_uniform), std::sqrt(6 / (kFanIn + kFanOut)));
}

TEST(InitialValues, HeUniformFillsItsRange) {
  expect_uniform(kernel_values(Initializer::he_uniform), std::sqrt(6 / kFanIn));
}

TEST(InitialValues, KaimingNormalHasItsVarianceAndTails) {
  const std::vector<float> values = kernel_values(Initializer::kaiming_normal);

  const Moments moments = moments_of(values);
  const double variance = 2 / kFanIn;
  EXPECT_NEAR(moments.mean, 0, 5 * std::sqrt(variance) / 83);
  EXPECT_NEAR(moments.variance, variance, 0.085 * variance);
  EXPECT_NEAR(moments.fourth, 3, 0.3);
  // Neighbours share their random words: they still have to be uncorrelated.
  const std::size_t pairs = values.size() / 2;
  double correlation = 0;
  for (std::size_t i = 0; i < values.size(); i += 2)
    correlation += values[i] * values[i + 1] / variance / static_cast<double>(pairs);
  EXPECT_NEAR(correlation, 0, 5.0 / std::sqrt(6912.0 / 2));
}

TEST(InitialValues, HeNormalHasTheSameVarianceWithoutTails) {
  const std::vector<float> values = kernel_values(Initializer::he_normal);

  const double variance = 2 / kFanIn;
  const double end = 2 * std::sqrt(variance) / 0.8796256610;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  EXPECT_GE(*low, -end);
  EXPECT_LE(*high, end);
  EXPECT_GT(*high - *low, 1.9 * end);  // the density at either end is 0.06 of a deviation: gaps of 1 / 400
  const Moments moments = moments_of(values);
  EXPECT_NEAR(moments.mean, 0, 5 * std::sqrt(variance) / 83);
  EXPECT_NEAR(moments.variance, variance, 0.085 * variance);
  EXPECT_NEAR(moments.fourth, 2.366, 0.2);  // of a normal that ends at two deviations
}

TEST(InitialValues, HeNormalDrawsOnlyTheTailsAnew) {
  const std::vector<float> whole = kernel_values(Initializer::kaiming_normal);
  const std::vector<float> cut = kernel_values(Initializer::he_normal);

  std::size_t redrawn = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const double deviations = whole[i] / std::sqrt(2 / kFanIn);
    if (std::abs(deviations) > 2)
      ++redrawn;
    else
      EXPECT_FLOAT_EQ(cut[i], whole[i] / 0.87962566f);
  }
  EXPECT_NEAR(static_cast<double>(redrawn) / 6912, 0.0455, 0.0125);  // five times sqrt(0.0455 / 6912)
}

TEST(InitialValues, ZerosAndOnes) {
  const Network network = network_with(Initializer::glorot_uniform);

  EXPECT_THAT(initial_values(network, 0, 1, 1), Each(0.0f));  // bias
  EXPECT_THAT(initial_values(network, 1, 0, 1), Each(1.0f));  // gamma
  EXPECT_THAT(initial_values(network, 1, 1, 1), Each(0.0f));  // beta
  EXPECT_THAT(initial_values(network, 1, 2, 1), Each(0.0f));  // moving_mean
  EXPECT_THAT(initial_values(network, 1, 3, 1), Each(1.0f));  // moving_variance
}

TEST(InitialValues, DependOnSeedLayerAndNothingElse) {
  const Network network = network_with(Initializer::glorot_uniform);

  EXPECT_EQ(initial_values(network, 0, 0, 1), initial_values(network, 0, 0, 1));
  EXPECT_NE(initial_values(network, 0, 0, 1), initial_values(network, 0, 0, 2));
  EXPECT_NE(initial_values(network, 0, 0, 1)[0], initial_values(network, 2, 0, 1)[0]);
}

/// The reference backend with its arenas stored backwards: a layout of its own.
class BackwardsReplica final : public Replica {
 public:
  explicit BackwardsReplica(const Network& network) : plain_(make_reference_replica(network, {})) {}
  const Network& network() const override { return plain_->network(); }
  const ArenaLayout& layout() const override { return plain_->layout(); }
  io::PixelLayout pixel_layout() const override { return plain_->pixel_layout(); }
  WorkerPool& workers() override { return plain_->workers(); }
  std::span<float> parameters() override { return plain_->parameters(); }
  std::span<float> statistics() override { return plain_->statistics(); }
  void train(const io::Batch& batch, comm::GradientReducer& reducer) override {
    plain_->train(batch, reducer);
  }
  void predict(const PredictBlock& block) override { plain_->predict(block); }
  std::vector<float> read(const Segment& segment, std::span<const float> arena) const override {
    std::vector<float> values = plain_->read(segment, arena);
    std::reverse(values.begin(), values.end());
    return values;
  }
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const override {
    const std::vector<float> reversed(values.rbegin(), values.rend());
    plain_->write(segment, reversed, arena);
  }
  void set_checks(ValueChecks checks) override { plain_->set_checks(checks); }
  const char* kind() const override { return "backwards"; }
  std::string describe() const override { return "backwards"; }

 private:
  std::unique_ptr<Replica> plain_;
};

TEST(InitialValues, OfTwoParametersOfALayerAreOthers) {
  Network network = network_with(Initializer::glorot_uniform);
  network.layers[0].parameters.push_back(network.layers[0].parameters[0]);

  EXPECT_NE(initial_values(network, 0, 2, 1), initial_values(network, 0, 0, 1));
}

TEST(WriteFixedWeights, PutsThemInPlaceOfOthersAndLeavesTheRest) {
  const FixedWeights twice{{1, 1}, {2}};
  const Network network = NetworkBuilder({.height = 3, .width = 3, .channels = 1})
                              .conv2d({.filters = 1, .kernel = {1, 1}, .bias = false, .weights = twice})
                              .flatten()
                              .dense({.units = 2}, {.activation = Activation::softmax})
                              .build();
  const auto replica = make_reference_replica(network, {});
  std::ranges::fill(replica->parameters(), 7.0f);

  write_fixed_weights(*replica);

  for (const Segment& segment : replica->layout().trainable)
    EXPECT_THAT(replica->read(segment, replica->parameters()), Each(segment.layer == 0 ? 2.0f : 7.0f));
}

TEST(Initialise, WritesTheSameValuesIntoAnyLayout) {
  const Network network = network_with(Initializer::he_normal);
  const auto plain = make_reference_replica(network, {});
  BackwardsReplica backwards(network);

  initialise(*plain, 7);
  initialise(backwards, 7);

  for (const Segment& segment : plain->layout().trainable) {
    const std::vector<float> expected = initial_values(network, segment.layer, segment.parameter, 7);
    EXPECT_EQ(plain->read(segment, plain->parameters()), expected);
    EXPECT_EQ(backwards.read(segment, backwards.parameters()), expected);
  }
  for (const Segment& segment : plain->layout().statistics) {
    const bool variance =
        network.layers[segment.layer].parameters[segment.parameter].name == "moving_variance";
    EXPECT_THAT(plain->read(segment, plain->statistics()), Each(variance ? 1.0f : 0.0f));
  }
}

}  // namespace
}  // namespace annulus::trainer
