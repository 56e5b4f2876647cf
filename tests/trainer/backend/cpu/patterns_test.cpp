// Every pattern that the CPU backend plans, against the reference backend: losses, gradients, probabilities.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "tests/support/replica_harness.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

struct Pattern {
  std::string name;
  std::function<Network()> make;
  /// Direct convolutions and matrix products in float against double stay below 1e-6 of the norm; Winograd's
  /// 4x4 tiles lose about a decimal digit on each layer (1.4e-6 of the maximum each).
  double tolerance = 5e-6;
  std::int64_t samples = 5;  ///< of a shard
};

void PrintTo(const Pattern& pattern, std::ostream* stream) { *stream << pattern.name; }

class PatternTest : public testing::TestWithParam<Pattern> {};

TEST_P(PatternTest, TrainsAndPredictsAsTheReference) {
  const Network network = GetParam().make();
  const std::int64_t full = GetParam().samples;
  CompileOptions options{.shard_samples = full, .seed = 7};
  options.loss.label_smoothing = 0.1f;
  const auto reference = make_reference_replica(network, options);
  const auto cpu = make_cpu_replica(network, options);
  const auto parameters = test::random_parameters(network, 3);
  test::set_parameters(*reference, parameters);
  test::set_parameters(*cpu, parameters);

  for (const std::int64_t samples : {full, std::int64_t{3}, full}) {  // the tail has a program of its own
    SCOPED_TRACE(samples);
    const test::Samples shard = test::random_samples(network, samples, 11);
    const test::ShardOutcome expected = test::run_shard(*reference, shard, 2);
    const test::ShardOutcome actual = test::run_shard(*cpu, shard, 2);

    const double tolerance = GetParam().tolerance;
    EXPECT_NEAR(actual.loss, expected.loss, tolerance * std::abs(expected.loss));
    EXPECT_EQ(actual.correct, expected.correct);
    EXPECT_EQ(actual.samples, expected.samples);
    for (std::size_t layer = 0; layer < network.layers.size(); ++layer)
      for (std::size_t p = 0; p < network.layers[layer].parameters.size(); ++p) {
        SCOPED_TRACE(network.layers[layer].name + "/" + network.layers[layer].parameters[p].name);
        EXPECT_TENSOR_NEAR(actual.gradients[layer][p], expected.gradients[layer][p], tolerance);
      }
    EXPECT_TENSOR_NEAR(test::predict(*cpu, shard, samples), test::predict(*reference, shard, samples),
                       tolerance);
  }
}

NetworkBuilder image(std::int64_t side, std::int64_t channels) {
  return NetworkBuilder({.height = side, .width = side, .channels = channels});
}

Network classify(NetworkBuilder& builder, std::int64_t classes = 5) {
  return builder.dense({.units = classes}).activate(Activation::softmax).build();
}

Conv2d conv3(std::int64_t filters) { return {.filters = filters, .kernel = {3, 3}}; }
Conv2d same3(std::int64_t filters) {
  return {.filters = filters, .kernel = {3, 3}, .padding_mode = PaddingMode::same};
}
const LayerOptions kRelu{.activation = Activation::relu};

std::vector<Pattern> patterns() {
  return {
      {"ReluInsideConvolutionThenMaxPool",
       [] {
         auto net = image(8, 3);
         return classify(net.conv2d(same3(16), kRelu).add(Pool2d{}).flatten());
       }},
      {"WinogradChainWithDropout",
       [] {
         auto net = image(12, 3);
         net.conv2d(same3(32), kRelu).conv2d(conv3(32)).activate(Activation::relu);
         net.add(Pool2d{}).add(Dropout{0.25f}).flatten();
         net.dense({.units = 24}, {.activation = Activation::relu}).add(Dropout{0.5f});
         return classify(net);
       },
       3e-5},
      {"PooledConvolutionsWithPadding",
       [] {
         auto net = image(12, 3);
         net.conv2d(same3(16), kRelu).conv2d(same3(48), kRelu).add(Pool2d{});
         net.conv2d(conv3(32)).activate(Activation::relu).add(Pool2d{}).flatten();
         return classify(net);
       },
       3e-5, 19},  // more samples than fit a tile, and a rest
      {"PooledConvolutionsBehindCircularPads",
       [] {
         const Padding rows{.top = 1, .bottom = 1};
         auto net = image(16, 2);
         net.add(CircularPad{.width = 1});
         net.conv2d({.filters = 32, .kernel = {3, 3}, .padding = rows}, {.activation = Activation::relu});
         net.add(Pool2d{}).add(CircularPad{.width = 1});
         net.conv2d({.filters = 48, .kernel = {3, 3}, .padding = rows}).activate(Activation::relu);
         return classify(net.add(Pool2d{}).add(Dropout{0.25f}).flatten());
       },
       3e-5, 19},
      {"PooledConvolutionOfAWideImage",
       [] {
         auto net = image(100, 3);
         net.conv2d(same3(16), kRelu).conv2d(conv3(16), {.activation = Activation::sigmoid});
         return classify(net.add(Pool2d{}).add(Pool2d{.size = {7, 7}, .stride = {7, 7}}).flatten());
       },
       3e-5, 4},
      {"PooledConvolutionWithoutBiasBelowDropout",
       [] {
         auto net = image(10, 3);
         net.conv2d(same3(32), kRelu);
         net.conv2d({.filters = 16, .kernel = {3, 3}, .padding = {0, 2, 1, 1}, .bias = false});
         net.activate(Activation::relu).add(Pool2d{}).add(Dropout{0.3f}).flatten();
         return classify(net);
       },
       3e-5},
      {"PooledConvolutionReadTwice",
       [] {
         auto net = image(8, 3);
         net.conv2d(same3(16), kRelu).conv2d(same3(16), kRelu).add(Pool2d{}, {.name = "pooled"});
         net.conv2d(same3(16), {.name = "branch"});
         net.add(Add{}, {.inputs = {"pooled", "branch"}}).flatten();
         return classify(net);
       },
       3e-5},
      {"ChannelsThatDoNotFillBlocks",
       [] {
         auto net = image(9, 1);
         net.conv2d(conv3(6), {.activation = Activation::tanh})
             .add(Pool2d{.kind = PoolKind::average, .size = {3, 3}, .stride = {2, 2}});
         net.conv2d(same3(20), {.activation = Activation::sigmoid}).flatten();
         return classify(net);
       }},
      {"OverlappingMaxPoolWithPadding",
       [] {
         auto net = image(9, 4);
         net.conv2d(same3(8), kRelu);
         net.add(Pool2d{.size = {3, 3}, .stride = {2, 2}, .padding_mode = PaddingMode::same}).flatten();
         return classify(net);
       }},
      {"AveragePoolWithPadding",
       [] {
         auto net = image(7, 2);
         net.conv2d(same3(8), kRelu)
             .add(Pool2d{.kind = PoolKind::average,
                         .size = {3, 3},
                         .stride = {2, 2},
                         .padding_mode = PaddingMode::same})
             .flatten();
         return classify(net);
       }},
      {"DropoutWithoutRelu",
       [] {
         auto net = image(6, 3);
         net.conv2d(conv3(20), {.activation = Activation::tanh})
             .add(Dropout{0.5f})
             .flatten()
             .add(Dropout{0.25f});
         return classify(net);
       }},
      {"StrideAsymmetricPaddingGroupsDilation",
       [] {
         auto net = image(12, 4);
         net.conv2d({.filters = 8, .kernel = {3, 3}, .stride = {2, 2}, .padding = {0, 1, 0, 1}});
         net.conv2d(
             {.filters = 16, .kernel = {3, 3}, .dilation = {2, 2}, .padding = {2, 2, 2, 2}, .groups = 2});
         net.conv2d({.filters = 16, .kernel = {3, 3}, .padding = {1, 1, 1, 1}, .groups = 16, .bias = false});
         net.activate(Activation::relu).flatten();
         return classify(net);
       }},
      {"BatchNormInConvolutionsAndDense",
       [] {
         auto net = image(8, 3);
         net.conv2d({.filters = 16, .kernel = {3, 3}, .bias = false})
             .add(BatchNorm{})
             .activate(Activation::relu);
         net.conv2d({.filters = 20, .kernel = {3, 3}, .bias = false})
             .add(BatchNorm{})
             .activate(Activation::relu)
             .add(Pool2d{});
         net.flatten().dense({.units = 12, .bias = false}).add(BatchNorm{}).activate(Activation::relu);
         return classify(net);
       },
       2e-5},
      {"BatchNormOfTheInput",
       [] {
         auto net = image(6, 3);
         return classify(net.add(BatchNorm{}).conv2d(conv3(8)).flatten());
       }},
      {"BatchNormOfFlattenedImage",
       [] {
         auto net = image(6, 3);
         return classify(
             net.conv2d({.filters = 7, .kernel = {3, 3}, .bias = false}).flatten().add(BatchNorm{}));
       }},
      {"LocalResponseNorm",
       [] {
         auto net = image(8, 3);
         net.conv2d(same3(16), kRelu).add(LocalResponseNorm{.size = 5, .alpha = 0.1f});
         net.add(Pool2d{.size = {3, 3}, .stride = {2, 2}, .padding_mode = PaddingMode::same}).flatten();
         return classify(net);
       }},
      {"GlobalAveragePool",
       [] {
         auto net = image(6, 3);
         return classify(net.conv2d(same3(20), kRelu).add(GlobalPool{PoolKind::average}));
       }},
      {"GlobalMaxPoolThenSigmoid",
       [] {
         auto net = image(6, 3);
         net.conv2d(same3(20), kRelu).add(GlobalPool{PoolKind::max}).activate(Activation::sigmoid);
         return classify(net);
       }},
      {"ClassesFromAGlobalPool",
       [] {
         auto net = image(6, 3);
         net.conv2d(same3(5), kRelu).add(GlobalPool{PoolKind::average});
         return net.activate(Activation::softmax).build();
       }},
      {"SigmoidBetweenFlattenAndDense",
       [] {
         auto net = image(6, 3);
         return classify(net.conv2d(conv3(5)).flatten().activate(Activation::sigmoid));
       }},
      {"DenseOnly",
       [] {
         auto net = image(5, 2);
         net.flatten().dense({.units = 33}, {.activation = Activation::tanh});
         net.dense({.units = 17, .bias = false}, {.activation = Activation::sigmoid});
         return classify(net);
       }},
      {"ResidualBlock",
       [] {
         auto net = image(8, 3);
         net.conv2d(same3(16), {.activation = Activation::relu, .name = "stem"});
         net.conv2d(same3(16), kRelu).conv2d(same3(16), {.name = "branch"});
         net.add(Add{}, {.inputs = {"stem", "branch"}}).activate(Activation::relu);
         return classify(net.add(Pool2d{}).flatten());
       },
       3e-5},
      {"InputReadTwice",
       [] {
         auto net = image(6, 3);
         net.conv2d(same3(6), {.name = "a", .inputs = {"input"}});
         net.conv2d(same3(6), {.name = "b", .inputs = {"input"}});
         net.add(Add{}, {.inputs = {"a", "b"}}).activate(Activation::tanh).add(Dropout{0.3f}).flatten();
         return classify(net);
       }},
      {"PoolOfTheInput",
       [] {
         auto net = image(8, 3);
         return classify(net.add(Pool2d{}).conv2d(same3(8), kRelu).flatten());
       }},
  };
}

INSTANTIATE_TEST_SUITE_P(Cpu, PatternTest, testing::ValuesIn(patterns()),
                         [](const testing::TestParamInfo<Pattern>& test) { return test.param.name; });

}  // namespace
}  // namespace annulus::trainer
