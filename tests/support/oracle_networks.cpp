// Small on purpose: the reference computes each in milliseconds.
#include "tests/support/oracle_networks.hpp"

#include <ostream>

#include "trainer/model/network_builder.hpp"

namespace annulus::test {
namespace {

using trainer::Activation;
using trainer::Add;
using trainer::BatchNorm;
using trainer::CircularPad;
using trainer::Concat;
using trainer::Dropout;
using trainer::GlobalPool;
using trainer::GroupNorm;
using trainer::LayerOptions;
using trainer::LocalResponseNorm;
using trainer::Network;
using trainer::NetworkBuilder;
using trainer::PaddingMode;
using trainer::Pool2d;
using trainer::PoolKind;

const SampleShape kOdd{.height = 9, .width = 7, .channels = 3};
const LayerOptions kRelu{.activation = Activation::relu};
const trainer::Padding kOneAround{.top = 1, .bottom = 1, .left = 1, .right = 1};
const trainer::Padding kUneven{.top = 2, .bottom = 0, .left = 0, .right = 2};

NetworkBuilder image(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return NetworkBuilder({.height = height, .width = width, .channels = channels});
}
/// A convolution that gives the layer in question `channels` channels and takes the gradient it hands back.
NetworkBuilder after_convolution(std::int64_t channels) {
  return NetworkBuilder(kOdd).conv2d(
      {.filters = channels, .kernel = {3, 3}, .padding_mode = PaddingMode::same});
}
Network finish(NetworkBuilder builder) {
  return builder.flatten().dense({.units = 5}).activate(Activation::softmax).build();
}

void add_convolutions(std::vector<OracleNetwork>& all) {
  all.push_back(
      {"ConvolutionOfThreeChannels", finish(NetworkBuilder(kOdd).conv2d({.filters = 7, .kernel = {3, 3}}))});
  all.push_back(
      {"ConvolutionOfOneChannel",
       finish(image(11, 11, 1).conv2d({.filters = 32, .kernel = {3, 3}}, {.activation = Activation::relu}))});
  all.push_back({"ConvolutionOfFullBlocks",
                 finish(after_convolution(16).conv2d(
                     {.filters = 32, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, kRelu))});
  all.push_back({"ConvolutionOfOddChannels",
                 finish(after_convolution(19).conv2d(
                     {.filters = 21, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, kRelu))});
  all.push_back({"ConvolutionOfOnePixel", finish(after_convolution(24).conv2d({.filters = 10}))});
  all.push_back({"ConvolutionWithoutBias",
                 finish(after_convolution(16).conv2d({.filters = 18, .kernel = {5, 5}, .bias = false}))});
  all.push_back(
      {"StridedConvolution", finish(after_convolution(6).conv2d(
                                 {.filters = 20, .kernel = {5, 3}, .stride = {2, 3}, .padding = kUneven}))});
  all.push_back({"LargeStrideConvolution",
                 finish(image(27, 27, 3).conv2d({.filters = 16, .kernel = {11, 11}, .stride = {4, 4}},
                                                {.activation = Activation::relu}))});
  all.push_back({"DilatedConvolution",
                 finish(after_convolution(8).conv2d(
                     {.filters = 12, .kernel = {3, 2}, .dilation = {2, 3}, .padding = kOneAround}))});
  all.push_back(
      {"GroupedConvolution",
       finish(after_convolution(32).conv2d(
           {.filters = 32, .kernel = {3, 3}, .padding_mode = PaddingMode::same, .groups = 2}, kRelu))});
  all.push_back({"GroupsOfOddSize",
                 finish(after_convolution(15).conv2d(
                     {.filters = 9, .kernel = {3, 3}, .padding_mode = PaddingMode::same, .groups = 3}))});
  all.push_back({"DepthwiseConvolution",
                 finish(after_convolution(18).conv2d(
                     {.filters = 18, .kernel = {3, 3}, .padding_mode = PaddingMode::same, .groups = 18}))});
  for (const Activation kind : {Activation::sigmoid, Activation::tanh})
    all.push_back(
        {kind == Activation::tanh ? "ConvolutionWithTanh" : "ConvolutionWithSigmoid",
         finish(NetworkBuilder(kOdd).conv2d({.filters = 9, .kernel = {3, 3}}, {.activation = kind}))});
}

void add_pools(std::vector<OracleNetwork>& all) {
  const auto pooled = [](std::int64_t channels, const Pool2d& pool) {
    return finish(after_convolution(channels).add(pool));
  };
  all.push_back({"MaxPool", finish(after_convolution(16).add(Pool2d{
                                .size = {2, 2}, .stride = {2, 2}, .padding_mode = PaddingMode::same}))});
  all.push_back(
      {"MaxPoolOfRelu",
       finish(
           after_convolution(20).activate(Activation::relu).add(Pool2d{.size = {3, 3}, .stride = {2, 2}}))});
  all.push_back(
      {"ReluOfMaxPool",
       finish(
           after_convolution(20).add(Pool2d{.size = {3, 3}, .stride = {2, 2}}).activate(Activation::relu))});
  all.push_back(
      {"OverlappingPaddedMaxPool",
       pooled(5, {.kind = PoolKind::max, .size = {3, 2}, .stride = {1, 1}, .padding = kOneAround})});
  all.push_back({"AveragePool", finish(after_convolution(16).add(
                                    Pool2d{.kind = PoolKind::average, .size = {3, 3}, .stride = {2, 2}}))});
  all.push_back(
      {"PaddedAveragePool",
       pooled(7, {.kind = PoolKind::average, .size = {3, 3}, .stride = {2, 2}, .padding = kOneAround})});
  all.push_back(
      {"UnevenlyPaddedAveragePool", pooled(17, {.kind = PoolKind::average,
                                                .size = {3, 3},
                                                .stride = {3, 1},
                                                .padding = {.top = 2, .bottom = 1, .left = 1, .right = 0}})});
  all.push_back({"GlobalAveragePool", after_convolution(21)
                                          .add(GlobalPool{PoolKind::average})
                                          .dense({.units = 5})
                                          .activate(Activation::softmax)
                                          .build()});
  all.push_back({"GlobalMaxPool", after_convolution(21)
                                      .add(GlobalPool{PoolKind::max})
                                      .dense({.units = 5})
                                      .activate(Activation::softmax)
                                      .build()});
  all.push_back(
      {"PoolOfTheInput", finish(NetworkBuilder(kOdd).add(Pool2d{.size = {3, 3}, .stride = {2, 2}}))});
}

/// What does not divide its input leaves the rest over.
void add_uneven_windows(std::vector<OracleNetwork>& all) {
  for (const EdgeNetwork& edge : edge_networks()) all.push_back({"Uneven" + edge.name, edge.network});
  all.push_back({"UnevenPooledColours",
                 finish(image(11, 8, 3).conv2d({.filters = 16, .kernel = {3, 3}}, kRelu).add(Pool2d{}))});
  all.push_back(
      {"UnevenPooledSame",
       finish(image(7, 9, 2)
                  .conv2d({.filters = 32, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, kRelu)
                  .conv2d({.filters = 16, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
                  .activate(Activation::relu)
                  .add(Pool2d{}))});
}

void add_fixed_weights(std::vector<OracleNetwork>& all) {
  const trainer::FixedWeights sharpen{{3, 3}, {0, -1, 0, -1, 5, -1, 0, -1, 0}};
  all.push_back(
      {"FixedFilterOfEveryChannel", finish(after_convolution(16).conv2d({.filters = 16,
                                                                         .kernel = {3, 3},
                                                                         .padding_mode = PaddingMode::same,
                                                                         .groups = 16,
                                                                         .bias = false,
                                                                         .weights = sharpen}))});
}

/// A flat vector is all that these read.
void add_perceptrons(std::vector<OracleNetwork>& all) {
  all.push_back({"Perceptron", NetworkBuilder({.channels = 7, .flat = true})
                                   .dense({.units = 3}, {.activation = Activation::softmax})
                                   .build()});
  all.push_back({"PerceptronOfLayers", NetworkBuilder({.channels = 19, .flat = true})
                                           .add(BatchNorm{})
                                           .dense({.units = 21}, {.activation = Activation::relu})
                                           .dense({.units = 5})
                                           .activate(Activation::softmax)
                                           .build()});
}

void add_normalisations(std::vector<OracleNetwork>& all) {
  all.push_back({"BatchNorm", finish(after_convolution(16).add(BatchNorm{}))});
  all.push_back({"BatchNormOfOddChannels",
                 finish(after_convolution(13).add(BatchNorm{.momentum = 0.9f, .epsilon = 1e-5f}))});
  all.push_back({"BatchNormThenRelu", finish(after_convolution(20)
                                                 .add(BatchNorm{})
                                                 .activate(Activation::relu)
                                                 .add(Pool2d{.size = {3, 3}, .stride = {2, 2}}))});
  all.push_back({"BatchNormOfTheInput",
                 finish(NetworkBuilder(kOdd).add(BatchNorm{}).conv2d({.filters = 8, .kernel = {3, 3}}))});
  all.push_back({"BatchNormOfVectors", NetworkBuilder(kOdd)
                                           .flatten()
                                           .dense({.units = 22})
                                           .add(BatchNorm{})
                                           .activate(Activation::relu)
                                           .dense({.units = 5})
                                           .activate(Activation::softmax)
                                           .build()});
  all.push_back({"LocalResponseNorm", finish(after_convolution(16).add(LocalResponseNorm{}))});
  all.push_back({"StrongLocalResponseNorm",
                 finish(after_convolution(11)
                            .activate(Activation::relu)
                            .add(LocalResponseNorm{.size = 3, .alpha = 0.7f, .beta = 0.6f, .k = 1.0f}))});
  all.push_back({"Dropout", finish(after_convolution(20).add(Dropout{0.5f}))});
  all.push_back({"DropoutOfOddShapes",
                 finish(after_convolution(5)
                            .add(Pool2d{.size = {2, 2}, .stride = {2, 2}, .padding_mode = PaddingMode::same})
                            .add(Dropout{0.3f}))});
  all.push_back({"DropoutOfVectors", NetworkBuilder(kOdd)
                                         .flatten()
                                         .dense({.units = 37}, {.activation = Activation::relu})
                                         .add(Dropout{0.25f})
                                         .dense({.units = 5})
                                         .activate(Activation::softmax)
                                         .build()});
}

// No ReLU and no max pool behind them: rounded values could decide otherwise than the reference's.
void add_group_norms(std::vector<OracleNetwork>& all) {
  all.push_back({"GroupNorm", finish(after_convolution(16).add(GroupNorm{.groups = 4}))});
  all.push_back(
      {"GroupNormAcrossBlocks", finish(after_convolution(21).add(GroupNorm{.groups = 3, .epsilon = 1e-5f}))});
  all.push_back({"GroupNormOfOneGroup", finish(after_convolution(13)
                                                   .add(GroupNorm{.groups = 1})
                                                   .activate(Activation::tanh)
                                                   .conv2d({.filters = 6}))});
  all.push_back(
      {"GroupNormOfTheInput",
       finish(NetworkBuilder(kOdd).add(GroupNorm{.groups = 3}).conv2d({.filters = 8, .kernel = {3, 3}}))});
  all.push_back({"GroupNormOfVectors", NetworkBuilder(kOdd)
                                           .flatten()
                                           .dense({.units = 22})
                                           .add(GroupNorm{.groups = 2})
                                           .activate(Activation::tanh)
                                           .dense({.units = 5})
                                           .activate(Activation::softmax)
                                           .build()});
  all.push_back({"GroupNormBehindFlatten", after_convolution(20)
                                               .flatten()
                                               .add(GroupNorm{.groups = 9})
                                               .dense({.units = 5})
                                               .activate(Activation::softmax)
                                               .build()});
  all.push_back({"GroupNormReadTwice",
                 finish(after_convolution(24)
                            .add(GroupNorm{.groups = 6}, {.name = "norm"})
                            .conv2d({.filters = 24, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
                            .add(Add{}, {.inputs = {"norm", "conv2d_1"}}))});
}

void add_elementwise(std::vector<OracleNetwork>& all) {
  for (const Activation kind : {Activation::relu, Activation::sigmoid, Activation::tanh}) {
    const std::string name = kind == Activation::relu   ? "Relu"
                             : kind == Activation::tanh ? "Tanh"
                                                        : "Sigmoid";
    all.push_back({name + "Layer", finish(after_convolution(9).activate(kind))});
    all.push_back({name + "InDense", NetworkBuilder(kOdd)
                                         .flatten()
                                         .dense({.units = 33}, {.activation = kind})
                                         .dense({.units = 5}, {.activation = Activation::softmax})
                                         .build()});
  }
  all.push_back({"DenseWithoutBias", NetworkBuilder(kOdd)
                                         .flatten()
                                         .dense({.units = 31, .bias = false})
                                         .dense({.units = 5, .bias = false})
                                         .activate(Activation::softmax)
                                         .build()});
  all.push_back(
      {"OneDense",
       NetworkBuilder(kOdd).flatten().dense({.units = 2}, {.activation = Activation::softmax}).build()});
  all.push_back({"FlattenOfOddChannels", finish(after_convolution(17))});
  all.push_back(
      {"Residual",
       finish(
           after_convolution(18)
               .activate(Activation::relu, {.name = "start"})
               .conv2d({.filters = 18, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, kRelu)
               .conv2d({.filters = 18, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, {.name = "end"})
               .add(Add{}, {.inputs = {"end", "start"}})
               .activate(Activation::relu))});
  all.push_back({"ThreeBranches",
                 finish(after_convolution(10)
                            .add(BatchNorm{}, {.name = "stem"})
                            .conv2d({.filters = 10}, {.name = "left", .inputs = {"stem"}})
                            .conv2d({.filters = 10, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
                                    {.activation = Activation::tanh, .name = "right", .inputs = {"stem"}})
                            .add(Add{}, {.inputs = {"left", "right", "stem"}}))});
  all.push_back({"AddOfTheInput",
                 finish(NetworkBuilder(kOdd)
                            .conv2d({.filters = 3, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
                                    {.name = "end"})
                            .add(Add{}, {.inputs = {"end", "input"}}))});
  all.push_back(
      {"SameInputTwice", finish(after_convolution(6).add(Add{}, {.inputs = {"conv2d", "conv2d"}}))});
  all.push_back(
      {"ResidualOfVectors", NetworkBuilder(kOdd)
                                .flatten()
                                .dense({.units = 19}, {.activation = Activation::relu, .name = "start"})
                                .dense({.units = 19}, {.name = "end"})
                                .add(Add{}, {.inputs = {"end", "start"}})
                                .dense({.units = 5})
                                .activate(Activation::softmax)
                                .build()});
}

void add_circular_pads(std::vector<OracleNetwork>& all) {
  const LayerOptions relu{.activation = Activation::relu};
  const trainer::Padding rows{.top = 1, .bottom = 1};
  const auto conv = [&](std::int64_t filters) {
    return trainer::Conv2d{.filters = filters, .kernel = {3, 3}, .padding = rows};
  };
  all.push_back({"CircularPadOfTheInput",
                 finish(NetworkBuilder(kOdd).add(CircularPad{.height = 2, .width = 1}).conv2d(conv(7)))});
  all.push_back({"CircularPadOfBlocks", finish(after_convolution(16)
                                                   .activate(Activation::relu)
                                                   .add(CircularPad{.width = 1})
                                                   .conv2d(conv(32), relu))});
  all.push_back({"CircularPadOfOddChannels", finish(after_convolution(19)
                                                        .activate(Activation::tanh)
                                                        .add(CircularPad{.height = 1, .width = 3})
                                                        .conv2d(conv(10)))});
  all.push_back({"CircularPadOfFewChannels",
                 finish(after_convolution(5).add(CircularPad{.height = 1}).conv2d(conv(6), relu))});
  all.push_back({"CircularPadByTheWholeImage", finish(after_convolution(6)
                                                          .add(CircularPad{.height = 9, .width = 7})
                                                          .add(Pool2d{.size = {3, 3}, .stride = {3, 3}}))});
  all.push_back({"CircularPadReadTwice", finish(after_convolution(8)
                                                    .activate(Activation::relu)
                                                    .add(CircularPad{.width = 1}, {.name = "round"})
                                                    .conv2d(conv(8), {.name = "left"})
                                                    .conv2d(conv(8), {.name = "right", .inputs = {"round"}})
                                                    .add(Add{}, {.inputs = {"left", "right"}}))});
  all.push_back({"CircularPadsBeforePools", finish(image(16, 12, 2)
                                                       .add(CircularPad{.width = 1})
                                                       .conv2d(conv(16), relu)
                                                       .add(Pool2d{})
                                                       .add(CircularPad{.width = 1})
                                                       .conv2d(conv(32), relu)
                                                       .add(Pool2d{}))});
}

void add_named_inputs(std::vector<OracleNetwork>& all) {
  const auto with_track = [] {
    NetworkBuilder network(kOdd);
    network.vector_input({"track", 5});
    return network;
  };
  const auto classify = [](NetworkBuilder& network) {
    return network.dense({.units = 5}).activate(Activation::softmax).build();
  };
  NetworkBuilder one = with_track();
  one.conv2d({.filters = 18, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, kRelu)
      .add(Pool2d{.size = {2, 2}, .stride = {1, 1}});
  one.flatten({.name = "rings"}).add(Concat{}, {.inputs = {"rings", "track"}});
  one.dense({.units = 21}, {.activation = Activation::relu}).add(Dropout{0.3f});
  all.push_back({"ConcatOfImageAndVector", classify(one)});

  NetworkBuilder two = with_track();
  two.vector_input({"event", 3});
  two.conv2d({.filters = 16, .kernel = {3, 3}}).add(GlobalPool{PoolKind::average}, {.name = "mean"});
  two.add(BatchNorm{}, {.name = "scaled", .inputs = {"track"}});
  two.dense({.units = 9}, {.activation = Activation::tanh, .name = "side", .inputs = {"event"}});
  two.add(Concat{}, {.inputs = {"event", "mean", "side", "scaled"}}).add(Dropout{0.25f});
  all.push_back({"ConcatOfTwoVectors", classify(two)});

  NetworkBuilder twice = with_track();
  twice.flatten().dense({.units = 5}, {.activation = Activation::relu, .name = "image"});
  twice.add(Add{}, {.name = "sum", .inputs = {"track", "image"}});
  twice.add(Concat{}, {.inputs = {"sum", "track", "sum"}}).activate(Activation::sigmoid);
  all.push_back({"VectorReadTwice", classify(twice)});

  NetworkBuilder activated = with_track();
  activated.conv2d({.filters = 17, .kernel = {3, 3}}).activate(Activation::relu);
  activated.flatten({.name = "rings"}).activate(Activation::relu, {.name = "cut", .inputs = {"track"}});
  activated.add(Dropout{0.2f}).add(Concat{}, {.inputs = {"dropout", "rings"}});
  all.push_back({"ConcatOfActivated", classify(activated)});
}

/// The shapes of networks that users train, narrower.
void add_whole_networks(std::vector<OracleNetwork>& all) {
  all.push_back(
      {"CifarLecture", image(16, 16, 3)
                           .conv2d({.filters = 32, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
                           .activate(Activation::relu)
                           .add(Pool2d{})
                           .conv2d({.filters = 64, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
                           .activate(Activation::relu)
                           .add(Pool2d{})
                           .flatten()
                           .dense({.units = 48})
                           .activate(Activation::relu)
                           .dense({.units = 10})
                           .activate(Activation::softmax)
                           .build()});
  all.push_back(
      {"RichLecture", image(16, 16, 1)
                          .conv2d({.filters = 32, .kernel = {3, 3}}, {.activation = Activation::relu})
                          .conv2d({.filters = 64, .kernel = {3, 3}}, {.activation = Activation::relu})
                          .add(Pool2d{})
                          .add(Dropout{0.25f})
                          .flatten()
                          .dense({.units = 40}, {.activation = Activation::relu})
                          .add(Dropout{0.5f})
                          .dense({.units = 6}, {.activation = Activation::softmax})
                          .build()});
  all.push_back({"LeNet", image(32, 32, 1)
                              .conv2d({.filters = 6, .kernel = {5, 5}}, {.activation = Activation::tanh})
                              .add(Pool2d{.kind = PoolKind::average, .size = {2, 2}, .stride = {2, 2}})
                              .conv2d({.filters = 16, .kernel = {5, 5}}, {.activation = Activation::tanh})
                              .add(Pool2d{.kind = PoolKind::average, .size = {2, 2}, .stride = {2, 2}})
                              .flatten()
                              .dense({.units = 120}, {.activation = Activation::tanh})
                              .dense({.units = 84}, {.activation = Activation::tanh})
                              .dense({.units = 10}, {.activation = Activation::softmax})
                              .build()});
  all.push_back(
      {"AlexNetHead",
       image(47, 47, 3)
           .conv2d({.filters = 32, .kernel = {11, 11}, .stride = {4, 4}}, {.activation = Activation::relu})
           .add(LocalResponseNorm{})
           .add(Pool2d{})
           .conv2d({.filters = 48, .kernel = {5, 5}, .padding_mode = PaddingMode::same, .groups = 2}, kRelu)
           .add(LocalResponseNorm{})
           .add(Pool2d{.size = {3, 3}, .stride = {2, 2}})
           .flatten()
           .dense({.units = 40}, {.activation = Activation::relu})
           .add(Dropout{0.5f})
           .dense({.units = 10}, {.activation = Activation::softmax})
           .build()});
}

}  // namespace

void PrintTo(const OracleNetwork& which, std::ostream* out) { *out << which.name; }
void PrintTo(const EdgeNetwork& which, std::ostream* out) { *out << which.name; }

std::vector<EdgeNetwork> edge_networks() {
  // 10 x 8 pixels: 3 + 2 + 2 ... ends one row before the last, and so on.
  const auto behind_probe = [](std::int64_t channels) {
    return image(10, 8, 3).conv2d({.filters = channels, .bias = false}, {.name = "probe"});
  };
  const auto pool = [&](std::int64_t channels, const Pool2d& window) {
    return finish(behind_probe(channels).add(window));
  };
  const auto conv = [&](std::int64_t channels, const trainer::Conv2d& window) {
    return finish(behind_probe(channels).conv2d(window));
  };
  const Pool2d three{.size = {3, 3}, .stride = {2, 2}};
  const Pool2d mean{.kind = PoolKind::average, .size = {4, 3}, .stride = {4, 3}};
  const Pool2d padded{
      .kind = PoolKind::average, .size = {3, 3}, .stride = {3, 4}, .padding = {.top = 1, .left = 1}};
  return {
      {"MaxPool", pool(16, three), 1, 1},
      {"MaxPoolOfOddChannels", pool(5, three), 1, 1},
      {"AveragePool", pool(16, mean), 2, 2},
      {"AveragePoolOfOddChannels", pool(21, mean), 2, 2},
      {"PaddedAveragePool", pool(7, padded), 2, 2},
      {"StridedConvolution", conv(16, {.filters = 32, .kernel = {3, 3}, .stride = {2, 2}}), 1, 1},
      {"StridedConvolutionOfOddChannels", conv(5, {.filters = 7, .kernel = {3, 3}, .stride = {2, 2}}), 1, 1},
      {"ConvolutionOfOnePixel", conv(16, {.filters = 48, .stride = {2, 2}}), 1, 1},
      {"ConvolutionOfOnePixelAndOddChannels", conv(9, {.filters = 10, .stride = {3, 3}}), 0, 1},
      {"DilatedConvolution", conv(8, {.filters = 12, .kernel = {2, 2}, .stride = {2, 3}, .dilation = {2, 2}}),
       1, 2},
      {"GroupedConvolution", conv(32, {.filters = 32, .kernel = {3, 3}, .stride = {2, 2}, .groups = 2}), 1,
       1},
      {"DepthwiseConvolution", conv(18, {.filters = 18, .kernel = {3, 3}, .stride = {2, 2}, .groups = 18}), 1,
       1},
      {"PooledConvolution",
       finish(image(11, 8, 3)
                  .conv2d({.filters = 16, .bias = false}, {.name = "probe"})
                  .conv2d({.filters = 32, .kernel = {3, 3}})
                  .add(Pool2d{})),
       1, 0},
      {"PooledConvolutionOfOddSides",
       finish(image(9, 11, 3)
                  .conv2d({.filters = 32, .bias = false}, {.name = "probe"})
                  .conv2d({.filters = 16, .kernel = {3, 3}}, {.activation = Activation::relu})
                  .add(Pool2d{})),
       1, 1}};
}

std::vector<float> edge_images(const EdgeNetwork& which, std::int64_t n) {
  const SampleShape& shape = which.network.input;
  std::vector<float> images;
  for (std::int64_t i = 0; i < n * shape.size(); ++i) {
    const std::int64_t pixel = i % shape.size() / shape.channels;
    const bool unread = pixel / shape.width >= shape.height - which.rows ||
                        pixel % shape.width >= shape.width - which.columns;
    images.push_back(unread ? 1.0f + static_cast<float>(i % 5) : 0.0f);
  }
  return images;
}

std::vector<OracleNetwork> oracle_networks() {
  std::vector<OracleNetwork> all;
  add_convolutions(all);
  add_pools(all);
  add_uneven_windows(all);
  add_fixed_weights(all);
  add_perceptrons(all);
  add_normalisations(all);
  add_group_norms(all);
  add_elementwise(all);
  add_circular_pads(all);
  add_named_inputs(all);
  add_whole_networks(all);
  return all;
}

}  // namespace annulus::test
