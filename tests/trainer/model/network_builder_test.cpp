// Shapes, names, parameters and refusals of the network builder.
#include "trainer/model/network_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr SampleShape kImage{.height = 32, .width = 32, .channels = 3};

SampleShape image(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return {.height = height, .width = width, .channels = channels};
}

/// The message of the UsageError that `action` throws.
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(NetworkBuilder, InfersShapesParametersAndKerasNames) {
  NetworkBuilder builder(kImage);

  builder.conv2d({.filters = 8, .kernel = {3, 3}, .padding_mode = PaddingMode::same});
  builder.add(Pool2d{}).conv2d({.filters = 4, .kernel = {3, 3}}).flatten().dense({.units = 10});
  const Network network = builder.build();

  const std::vector<std::string> names{"conv2d", "max_pooling2d", "conv2d_1", "flatten", "dense"};
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(network.layers[i].name, names[i]);
  EXPECT_EQ(network.layers[0].output, image(32, 32, 8));
  EXPECT_EQ(network.layers[2].output, image(14, 14, 4));
  EXPECT_EQ(network.layers[3].output, (SampleShape{.channels = 784, .flat = true}));
  EXPECT_EQ(network.layers[0].parameters[0].extents, (Extents{3, 3, 3, 8}));
  EXPECT_EQ(network.layers[4].parameters[0].extents, (Extents{784, 10}));
  EXPECT_EQ(parameter_count(network), 3 * 3 * 3 * 8 + 8 + 3 * 3 * 8 * 4 + 4 + 784 * 10 + 10);
  EXPECT_EQ(network.layers[1].inputs, std::vector<int>{0});
  EXPECT_EQ(network.layers[0].inputs, std::vector<int>{-1});
}

TEST(NetworkBuilder, FansAreThoseOfKeras) {
  const Network network = NetworkBuilder(image(5, 5, 4))
                              .conv2d({.filters = 6, .kernel = {3, 5}, .groups = 2})
                              .flatten()
                              .dense({.units = 7, .bias = false})
                              .build();

  const Parameter& kernel = network.layers[0].parameters[0];
  EXPECT_EQ(kernel.extents, (Extents{3, 5, 2, 6}));
  EXPECT_EQ(kernel.fan_in, 3 * 5 * 2);
  EXPECT_EQ(kernel.fan_out, 3 * 5 * 6);
  EXPECT_TRUE(kernel.decays);
  EXPECT_FALSE(network.layers[0].parameters[1].decays);
  ASSERT_EQ(network.layers[2].parameters.size(), 1U);
  EXPECT_EQ(network.layers[2].parameters[0].fan_in, 3 * 1 * 6);
  EXPECT_EQ(network.layers[2].parameters[0].fan_out, 7);
}

TEST(NetworkBuilder, SamePaddingPutsTheOddPixelAtTheBottomAndRight) {
  const Network network =
      NetworkBuilder(image(5, 6, 1))
          .conv2d({.filters = 1, .kernel = {3, 3}, .stride = {2, 2}, .padding_mode = PaddingMode::same})
          .build();

  EXPECT_EQ(network.layers[0].output, image(3, 3, 1));
  EXPECT_EQ(std::get<Conv2d>(network.layers[0].operation).padding,
            (Padding{.top = 1, .bottom = 1, .left = 0, .right = 1}));
}

TEST(NetworkBuilder, DilationWidensTheKernel) {
  const Network network =
      NetworkBuilder(image(9, 9, 1)).conv2d({.filters = 1, .kernel = {3, 2}, .dilation = {2, 3}}).build();

  EXPECT_EQ(network.layers[0].output, image(5, 6, 1));  // spans (3-1)*2+1 = 5 and (2-1)*3+1 = 4 pixels
}

TEST(NetworkBuilder, PoolsMayOverlapAndPadOneSideOnly) {
  const Network network =
      NetworkBuilder(image(55, 6, 2))
          .add(Pool2d{.size = {3, 3}, .stride = {2, 2}, .padding = {.left = 0, .right = 1}})
          .build();

  EXPECT_EQ(network.layers[0].output, image(27, 3, 2));
}

TEST(NetworkBuilder, SizesAreRoundedDownAndWhatIsLeftOverIsNoted) {
  const Network network =
      NetworkBuilder(image(12, 15, 1))
          .conv2d({.filters = 2, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}})
          .add(Pool2d{.size = {2, 2}, .stride = {2, 3}})
          .conv2d({.filters = 2, .kernel = {1, 1}, .stride = {2, 2}})
          .add(Pool2d{.size = {1, 1}, .stride = {3, 3}, .padding_mode = PaddingMode::same})
          .build();

  EXPECT_EQ(network.layers[0].output, image(6, 8, 2));  // as PyTorch: floor((12 + 2 - 3) / 2) + 1
  EXPECT_EQ(network.layers[0].left_over, (LeftOver{.padding_rows = 1}));
  EXPECT_EQ(network.layers[1].output, image(3, 3, 2));
  EXPECT_EQ(network.layers[1].left_over, LeftOver{});
  EXPECT_EQ(network.layers[2].output, image(2, 2, 2));
  EXPECT_EQ(network.layers[2].left_over, LeftOver{});
  EXPECT_EQ(network.layers[3].output, image(1, 1, 2));  // as Keras' same: ceil(2 / 3)
  EXPECT_EQ(network.layers[3].left_over, (LeftOver{.rows = 1, .columns = 1}));
}

TEST(NetworkBuilder, LeavesOverWhatNoWindowReaches) {
  const Network network =
      NetworkBuilder(image(11, 10, 1))
          .add(Pool2d{.size = {2, 3}, .stride = {4, 4}, .padding = {.bottom = 1, .right = 1}})
          .build();

  EXPECT_EQ(network.layers[0].output, image(3, 3, 1));
  EXPECT_EQ(network.layers[0].left_over, (LeftOver{.rows = 1, .padding_rows = 1}));
}

TEST(NetworkBuilder, FixedWeightsAreSpreadOverFiltersInKerasOrder) {
  const FixedWeights one{{2, 1}, {1, 2}}, list{{2, 2, 1}, {1, 2, 3, 4}};
  const FixedWeights whole{{2, 1, 1, 2}, {1, 3, 2, 4}};
  const auto kernel = [](const FixedWeights& weights) {
    return NetworkBuilder(image(4, 4, 2))
        .conv2d({.filters = 2, .kernel = {2, 1}, .groups = 2, .weights = weights})
        .build()
        .layers[0]
        .parameters[0];
  };

  EXPECT_EQ(kernel(one).fixed, (std::vector<float>{1, 1, 2, 2}));
  EXPECT_EQ(kernel(list).fixed, (std::vector<float>{1, 3, 2, 4}));
  EXPECT_EQ(kernel(whole).fixed, (std::vector<float>{1, 3, 2, 4}));
  EXPECT_FALSE(kernel(one).decays);
  EXPECT_TRUE(kernel({}).fixed.empty());
}

TEST(NetworkBuilder, BatchNormHasMovingAveragesThatAreNotTrained) {
  const Network network = NetworkBuilder(kImage).add(BatchNorm{}).build();

  const std::vector<Parameter>& parameters = network.layers[0].parameters;
  ASSERT_EQ(parameters.size(), 4U);
  EXPECT_EQ(parameters[0].name, "gamma");
  EXPECT_TRUE(parameters[1].trainable);
  EXPECT_FALSE(parameters[2].trainable);
  EXPECT_EQ(parameters[3].name, "moving_variance");
  EXPECT_EQ(parameters[3].initializer, Initializer::ones);
  EXPECT_EQ(network.layers[0].name, "batch_normalization");
}

TEST(NetworkBuilder, NamedInputsMakeAGraph) {
  NetworkBuilder builder(kImage);
  builder.conv2d({.filters = 4}, {.name = "left", .inputs = {"input"}});
  builder.conv2d({.filters = 4}, {.name = "right", .inputs = {"input"}});
  builder.add(Add{}, {.inputs = {"left", "right"}}).add(GlobalPool{PoolKind::average});

  const Network network = builder.build();

  EXPECT_EQ(network.layers[1].inputs, std::vector<int>{-1});
  EXPECT_EQ(network.layers[2].inputs, (std::vector<int>{0, 1}));
  EXPECT_EQ(network.layers[3].output, (SampleShape{.channels = 4, .flat = true}));
}

TEST(NetworkBuilder, DefaultNamesAvoidGivenOnes) {
  const Network network = NetworkBuilder(kImage)
                              .conv2d({.filters = 1})
                              .conv2d({.filters = 1}, {.name = "conv2d_1"})
                              .conv2d({.filters = 1})
                              .build();

  EXPECT_EQ(network.layers[2].name, "conv2d_2");
}

struct Refusal {
  std::string what;
  std::function<void(NetworkBuilder&)> build;
  std::vector<std::string> words;  ///< that the message must contain
};

class NetworkBuilderRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(NetworkBuilderRefusal, NamesLayerReasonAndRemedy) {
  const std::string message = message_of([] {
    NetworkBuilder builder(kImage, "net.yaml");
    GetParam().build(builder);
    builder.build();
  });

  for (const std::string& word : GetParam().words) EXPECT_THAT(message, HasSubstr(word));
}

const std::vector<Refusal> kRefusals{
    {"not_whole",
     [](NetworkBuilder& b) {
       b.strict_shapes().conv2d({.filters = 1, .kernel = {5, 5}, .stride = {2, 2}}, {.line = 7});
     },
     {"net.yaml:7: layer conv2d (conv2d)", "strict_shapes: false", "(32 - 5 + 2*0)/2 + 1 = 14.5", "stride: 1",
      "padding: same"}},
    {"padding_that_fits",
     [](NetworkBuilder& b) {
       b.strict_shapes().conv2d({.filters = 1, .kernel = {3, 3}, .stride = {3, 3}});
     },
     {"(32 - 3 + 2*0)/3 + 1 = 10.6667", "padding: 2"}},
    {"asymmetric_help",
     [](NetworkBuilder& b) {
       b.strict_shapes().add(Pool2d{.size = {3, 3}, .stride = {2, 2}});
     },
     {"layer max_pooling2d (max_pool)", "1 more of padding at the bottom", "does not come out whole"}},
    {"weights_of_another_form",
     [](NetworkBuilder& b) {
       b.conv2d({.filters = 2, .kernel = {2, 2}, .weights = {{2, 2, 2}, std::vector<float>(8)}});
     },
     {"weights are lists of the form (2, 2, 2)", "the kernel has (2, 2, 3, 2)", "input channels / groups",
      "set groups and filters to 3"}},
    {"weights_of_another_size",
     [](NetworkBuilder& b) {
       b.conv2d({.filters = 3, .kernel = {3, 3}, .groups = 3, .weights = {{2, 2}, std::vector<float>(4)}});
     },
     {"form (2, 2)", "(3, 3, 1, 3)", "(3, 3) for all filters alike", "(3, 3, 3) for a list of filters"}},
    {"weights_of_dense",
     [](NetworkBuilder& b) {
       b.flatten().dense({.units = 2, .weights = {{2, 2}, std::vector<float>(4)}});
     },
     {"form (2, 2)", "(3072, 2)", "inputs, units"}},
    {"too_large",
     [](NetworkBuilder& b) {
       b.conv2d({.filters = 1, .kernel = {40, 3}});
     },
     {"40", "height 32"}},
    {"groups",
     [](NetworkBuilder& b) { b.conv2d({.filters = 4, .groups = 2}); },
     {"groups = 2", "3 input channels", "4 filters"}},
    {"dense_on_image",
     [](NetworkBuilder& b) { b.dense({.units = 10}); },
     {"layer dense (dense)", "(32, 32, 3)", "flatten"}},
    {"pool_on_vector",
     [](NetworkBuilder& b) { b.flatten().add(Pool2d{}); },
     {"flat vector of 3072", "before flatten"}},
    {"flatten_twice", [](NetworkBuilder& b) { b.flatten().flatten(); }, {"flat already"}},
    {"same_name",
     [](NetworkBuilder& b) {
       b.conv2d({.filters = 1}, {.name = "a", .line = 3}).conv2d({.filters = 1}, {.name = "a", .line = 4});
     },
     {"net.yaml:4: layer a", "(line 3)", "unique"}},
    {"bad_name", [](NetworkBuilder& b) { b.flatten({.name = "a/b"}); }, {"a/b", "letters"}},
    {"reserved_name", [](NetworkBuilder& b) { b.flatten({.name = "input"}); }, {"stands for the images"}},
    {"unknown_input",
     [](NetworkBuilder& b) { b.conv2d({.filters = 1}).flatten({.inputs = {"conv"}}); },
     {"\"conv\" is not the name of an earlier layer", "conv2d, input"}},
    {"unequal_add",
     [](NetworkBuilder& b) {
       b.conv2d({.filters = 4}).add(Add{}, {.inputs = {"conv2d", "input"}});
     },
     {"(32, 32, 4)", "(32, 32, 3)", "1x1 convolution"}},
    {"lonely_add", [](NetworkBuilder& b) { b.add(Add{}, {.inputs = {"input"}}); }, {"two or more inputs"}},
    {"two_inputs",
     [](NetworkBuilder& b) {
       b.flatten({.inputs = {"input", "input"}});
     },
     {"takes one input", "Only add"}},
    {"unused",
     [](NetworkBuilder& b) { b.conv2d({.filters = 4}).flatten({.inputs = {"input"}}); },
     {"layer conv2d (conv2d)", "nothing uses its output"}},
    {"rate", [](NetworkBuilder& b) { b.add(Dropout{1.0f}); }, {"rate = 1", "[0, 1)"}},
    {"nan_rate", [](NetworkBuilder& b) { b.add(Dropout{std::nanf("")}); }, {"rate = nan"}},
    {"lrn_even",
     [](NetworkBuilder& b) { b.add(LocalResponseNorm{.size = 4}); },
     {"size = 4", "odd", "Try 5"}},
    {"group_norm_groups",
     [](NetworkBuilder& b) { b.conv2d({.filters = 12}).add(GroupNorm{}); },
     {"groups = 32 must divide the 12 channels", "Try one of 1, 2, 3, 4, 6, 12."}},
    {"group_norm_no_groups", [](NetworkBuilder& b) { b.add(GroupNorm{.groups = 0}); }, {"groups is 0"}},
    {"group_norm_epsilon",
     [](NetworkBuilder& b) { b.add(GroupNorm{.groups = 1, .epsilon = 0}); },
     {"epsilon = 0 must be above 0"}},
    {"pool_padding",
     [](NetworkBuilder& b) {
       b.add(Pool2d{.size = {2, 2}, .stride = {2, 2}, .padding = {.top = 2, .bottom = 2}});
     },
     {"some windows would see no pixel"}},
    {"negative_padding",
     [](NetworkBuilder& b) { b.conv2d({.filters = 1, .padding = {.top = -1}}); },
     {"padding is -1"}},
    {"filters", [](NetworkBuilder& b) { b.conv2d({.filters = 0}); }, {"filters is 0", "between 1"}},
    {"activation_on_pool",
     [](NetworkBuilder& b) { b.add(Pool2d{}, {.activation = Activation::relu}); },
     {"only conv2d and dense take an activation", "- relu"}},
    {"enormous",
     [](NetworkBuilder& b) { b.conv2d({.filters = 1 << 20}).flatten().dense({.units = 1 << 20}); },
     {"more than the limit"}},
    {"softmax_layer_inside",
     [](NetworkBuilder& b) { b.flatten().activate(Activation::softmax, {.line = 5}).dense({.units = 2}); },
     {"net.yaml:5: layer activation (softmax)", "only possible in the last layer", "Use relu"}},
    {"softmax_inside_a_layer",
     [](NetworkBuilder& b) { b.conv2d({.filters = 2}, {.activation = Activation::softmax}).flatten(); },
     {"layer conv2d (conv2d)", "only possible in the last layer"}},
    {"empty", [](NetworkBuilder&) {}, {"no layers"}},
};

INSTANTIATE_TEST_SUITE_P(All, NetworkBuilderRefusal, testing::ValuesIn(kRefusals),
                         [](const auto& test) { return test.param.what; });

TEST(CheckClassifier, AcceptsSoftmaxAtTheEndInBothForms) {
  const Network separate =
      NetworkBuilder(kImage).flatten().dense({.units = 2}).activate(Activation::softmax).build();
  const Network fused =
      NetworkBuilder(kImage).flatten().dense({.units = 2}, {.activation = Activation::softmax}).build();

  EXPECT_NO_THROW(check_classifier(separate, "net"));
  EXPECT_NO_THROW(check_classifier(fused, "net"));
}

TEST(CheckClassifier, RefusesOtherEndings) {
  const Network logits = NetworkBuilder(kImage).flatten().dense({.units = 2}).build();
  const Network picture = NetworkBuilder(kImage).activate(Activation::softmax).build();

  EXPECT_THAT(message_of([&] { check_classifier(logits, "net"); }),
              AllOf(HasSubstr("must be a softmax"), HasSubstr("- softmax")));
  EXPECT_THAT(message_of([&] { check_classifier(picture, "net"); }), HasSubstr("(32, 32, 3)"));
}

TEST(NetworkBuilder, RefusesAnInputWithoutPixels) {
  EXPECT_THAT(message_of([] { NetworkBuilder(image(0, 4, 1), "net.yaml"); }),
              HasSubstr("net.yaml: the network's input (0, 4, 1)"));
}

}  // namespace
}  // namespace annulus::trainer
