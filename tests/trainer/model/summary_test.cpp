// Costs of single layers and the two written forms.
#include "trainer/model/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;
using testing::Not;

NetworkBuilder small_image() { return NetworkBuilder({.height = 4, .width = 4, .channels = 2}); }

TEST(Summary, ConvolutionCountsEveryWeightUse) {
  const Network network =
      small_image()
          .conv2d({.filters = 6, .kernel = {3, 3}, .groups = 2}, {.activation = Activation::relu})
          .build();

  const Cost cost = summarise(network).layers[0].cost;

  const std::int64_t values = 2 * 2 * 6;  // 9 weights each: one of the two channels
  EXPECT_EQ(cost.parameters, 3 * 3 * 1 * 6 + 6);
  EXPECT_EQ(cost.connections, values * (9 + 1));
  EXPECT_EQ(cost.flops, values * (2 * 9 + 1) + values);
  EXPECT_EQ(cost.activation_bytes, values * 4);
}

TEST(Summary, TrainingAddsAPassForEveryGradient) {
  const Network network = small_image()
                              .conv2d({.filters = 6, .kernel = {3, 3}, .groups = 2})
                              .activate(Activation::relu)
                              .flatten()
                              .dense({.units = 3})
                              .build();

  const std::int64_t convolution = 24 * (2 * 9 + 1);  // no gradient of the images: 2 passes
  const std::int64_t relu = 24;                       // no weights: 2
  const std::int64_t dense = 3 * (2 * 24 + 1);        // 3

  EXPECT_EQ(training_flops(summarise(network)), 2 * convolution + 2 * relu + 3 * dense);
}

TEST(Summary, LayersWithoutWeightsHaveNoConnections) {
  const Network network = small_image()
                              .add(LocalResponseNorm{.size = 3})
                              .add(Pool2d{.kind = PoolKind::average, .size = {2, 2}, .stride = {2, 2}})
                              .add(Dropout{0.5f})
                              .flatten()
                              .dense({.units = 3, .bias = false}, {.activation = Activation::softmax})
                              .build();

  const NetworkSummary summary = summarise(network);

  EXPECT_EQ(summary.layers[0].cost.flops, 32 * (2 * 3 + 3));
  EXPECT_EQ(summary.layers[1].cost.flops, 8 * 4);
  EXPECT_EQ(summary.layers[2].cost.flops, 0);
  EXPECT_EQ(summary.layers[4].cost.connections, 3 * 8);
  EXPECT_EQ(summary.layers[4].cost.flops, 3 * (2 * 8) + 3 * 3);
  EXPECT_EQ(summary.total.connections, 3 * 8);
}

TEST(Summary, BatchNormKeepsMovingAveragesApart) {
  const Network network = small_image().add(BatchNorm{}).add(GlobalPool{PoolKind::average}).build();

  const NetworkSummary summary = summarise(network);

  EXPECT_EQ(summary.total.parameters, 8);
  EXPECT_EQ(summary.total.trainable, 4);
  EXPECT_EQ(summary.layers[0].cost.connections, 2 * 32);
  EXPECT_EQ(summary.layers[1].cost.flops, 32);
}

TEST(Summary, GroupNormHasNoMovingAverages) {
  const Network network =
      small_image().add(GroupNorm{.groups = 2}).add(GlobalPool{PoolKind::average}).build();

  const NetworkSummary summary = summarise(network);

  EXPECT_EQ(network.layers[0].name, "group_normalization");
  EXPECT_EQ(summary.total.parameters, 4);
  EXPECT_EQ(summary.total.trainable, 4);
  EXPECT_EQ(summary.layers[0].cost.flops, 6 * 32);
}

TEST(Summary, TableShowsNamesShapesAndTotals) {
  const Network network = small_image().flatten().dense({.units = 1000}, {.name = "classes"}).build();

  const std::string table = to_table(summarise(network), "tiny");

  EXPECT_THAT(table, HasSubstr("Network tiny, input (4, 4, 2)"));
  EXPECT_THAT(table, HasSubstr("classes (dense)    1000              33,000"));
  EXPECT_THAT(table, HasSubstr("Total parameters: 33,000 (0.13 MiB)"));
  EXPECT_THAT(table, Not(HasSubstr("Inputs")));
}

TEST(Summary, TableNamesInputsOfAGraph) {
  NetworkBuilder builder = small_image();
  builder.activate(Activation::tanh, {.name = "left"}).add(Add{}, {.inputs = {"left", "input"}});

  const NetworkSummary summary = summarise(builder.build());

  EXPECT_THAT(to_table(summary, "graph"), HasSubstr("left, input"));
  EXPECT_EQ(summary.layers[1].cost.flops, 32);
}

TEST(Summary, SaysWhatWindowsLeaveOver) {
  const Network network =
      NetworkBuilder({.height = 12, .width = 15, .channels = 1})
          .conv2d({.filters = 2, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}})
          .add(Pool2d{.size = {4, 3}, .stride = {4, 3}})
          .build();

  const NetworkSummary summary = summarise(network);
  const std::string table = to_table(summary, "uneven");
  const auto json = nlohmann::json::parse(to_json(summary, "uneven"));

  EXPECT_THAT(table,
              HasSubstr("\nconv2d: 1 row of padding unused\nmax_pooling2d: 2 rows and 2 columns dropped\n"));
  EXPECT_EQ(json["layers"][0]["unused_padding"], nlohmann::json::parse(R"({"rows": 1, "columns": 0})"));
  EXPECT_EQ(json["layers"][1]["dropped"], nlohmann::json::parse(R"({"rows": 2, "columns": 2})"));
  EXPECT_EQ(to_string(LeftOver{.rows = 1, .columns = 1, .padding_columns = 2}),
            "1 row and 1 column dropped, 2 columns of padding unused");
  EXPECT_THAT(to_table(summarise(small_image().add(Pool2d{}).build()), "even"), Not(HasSubstr("dropped")));
}

TEST(Summary, FixedWeightsAreNotTrained) {
  const Network network =
      small_image().conv2d({.filters = 2, .groups = 2, .weights = {{1, 1}, {3}}}).add(BatchNorm{}).build();

  const NetworkSummary summary = summarise(network);

  EXPECT_EQ(summary.total.fixed, 2);
  EXPECT_EQ(summary.total.trainable, 2 + 4);  // the bias of the convolution, gamma and beta
  EXPECT_THAT(to_table(summary, "fixed"),
              HasSubstr("Trainable parameters: 6\nFixed weights: 2\nMoving averages: 4\n"));
}

TEST(Summary, JsonHoldsTheSameNumbers) {
  const Network network = small_image().flatten().dense({.units = 3}).build();

  const auto json = nlohmann::json::parse(to_json(summarise(network), "tiny"));

  EXPECT_EQ(json["name"], "tiny");
  EXPECT_EQ(json["input"], nlohmann::json::parse("[4, 4, 2]"));
  EXPECT_EQ(json["layers"][1]["output"], nlohmann::json::parse("[3]"));
  EXPECT_EQ(json["layers"][1]["inputs"][0], "flatten");
  EXPECT_EQ(json["total"]["parameters"], 32 * 3 + 3);
}

}  // namespace
}  // namespace annulus::trainer
