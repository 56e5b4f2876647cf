// The lecture's networks come out to the unit: shapes row by row, parameters, connections.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/source_dir.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/summary.hpp"

namespace annulus::trainer {
namespace {

/// One row of a published table.
struct Row {
  std::string name;
  std::string type;
  std::string output;
  std::int64_t parameters;
};

NetworkSummary summary_of(const std::string& file) {
  return summarise(load_config(source_dir() + "/configs/" + file).config.network);
}

void expect_rows(const NetworkSummary& summary, const std::vector<Row>& rows) {
  ASSERT_EQ(summary.layers.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(summary.layers[i].name, rows[i].name) << "row " << i;
    EXPECT_EQ(summary.layers[i].type, rows[i].type) << rows[i].name;
    EXPECT_EQ(to_string(summary.layers[i].output), rows[i].output) << rows[i].name;
    EXPECT_EQ(summary.layers[i].cost.parameters, rows[i].parameters) << rows[i].name;
  }
}

std::int64_t connections_of(const NetworkSummary& summary, const std::string& name) {
  for (const LayerSummary& layer : summary.layers) {
    if (layer.name == name) return layer.cost.connections;
  }
  return -1;
}

TEST(Topologies, Cifar10) {
  const NetworkSummary summary = summary_of("cifar10.yaml");

  expect_rows(summary, {{"conv2d", "conv2d", "32, 32, 32", 896},
                        {"activation", "relu", "32, 32, 32", 0},
                        {"max_pooling2d", "max_pool", "16, 16, 32", 0},
                        {"conv2d_1", "conv2d", "16, 16, 64", 18496},
                        {"activation_1", "relu", "16, 16, 64", 0},
                        {"max_pooling2d_1", "max_pool", "8, 8, 64", 0},
                        {"flatten", "flatten", "4096", 0},
                        {"dense", "dense", "256", 1048832},
                        {"activation_2", "relu", "256", 0},
                        {"dense_1", "dense", "10", 2570},
                        {"activation_3", "softmax", "10", 0}});
  EXPECT_EQ(summary.total.parameters, 1'070'794);
}

TEST(Topologies, Rich) {
  const NetworkSummary summary = summary_of("rich_lecture.yaml");

  expect_rows(summary, {{"conv2d", "conv2d", "30, 30, 32", 320},
                        {"conv2d_1", "conv2d", "28, 28, 64", 18496},
                        {"max_pooling2d", "max_pool", "14, 14, 64", 0},
                        {"dropout", "dropout", "14, 14, 64", 0},
                        {"flatten", "flatten", "12544", 0},
                        {"dense", "dense", "128", 1605760},
                        {"dropout_1", "dropout", "128", 0},
                        {"dense_1", "dense", "6", 774}});
  EXPECT_EQ(summary.total.parameters, 1'625'350);
}

TEST(Topologies, LeNet5) {
  const NetworkSummary summary = summary_of("lenet5.yaml");

  expect_rows(summary, {{"c1", "conv2d", "28, 28, 6", 156},
                        {"s2", "average_pool", "14, 14, 6", 0},
                        {"c3", "conv2d", "10, 10, 16", 2416},
                        {"s4", "average_pool", "5, 5, 16", 0},
                        {"flatten", "flatten", "400", 0},
                        {"c5", "dense", "120", 48120},
                        {"f6", "dense", "84", 10164},
                        {"output", "dense", "10", 850}});
  EXPECT_EQ(summary.total.parameters, 61'706);
  EXPECT_EQ(connections_of(summary, "c1"), 122'304);
  EXPECT_EQ(connections_of(summary, "s2"), 0);
}

TEST(Topologies, AlexNet) {
  const NetworkSummary summary = summary_of("alexnet.yaml");

  expect_rows(summary, {{"conv1", "conv2d", "55, 55, 96", 34944},
                        {"lrn", "lrn", "55, 55, 96", 0},
                        {"max_pooling2d", "max_pool", "27, 27, 96", 0},
                        {"conv2", "conv2d", "27, 27, 256", 307456},
                        {"lrn_1", "lrn", "27, 27, 256", 0},
                        {"max_pooling2d_1", "max_pool", "13, 13, 256", 0},
                        {"conv3", "conv2d", "13, 13, 384", 885120},
                        {"conv4", "conv2d", "13, 13, 384", 663936},
                        {"conv5", "conv2d", "13, 13, 256", 442624},
                        {"max_pooling2d_2", "max_pool", "6, 6, 256", 0},
                        {"flatten", "flatten", "9216", 0},
                        {"fc6", "dense", "4096", 37752832},
                        {"dropout", "dropout", "4096", 0},
                        {"fc7", "dense", "4096", 16781312},
                        {"dropout_1", "dropout", "4096", 0},
                        {"fc8", "dense", "1000", 4097000}});
  EXPECT_EQ(summary.total.parameters, 60'965'224);
  EXPECT_EQ(summary.layers[0].output.size(), 290'400);
  EXPECT_EQ(connections_of(summary, "conv1"), 105'705'600);
}

TEST(Topologies, Vgg16) {
  const NetworkSummary summary = summary_of("vgg16.yaml");

  std::vector<std::string> outputs;
  for (const LayerSummary& layer : summary.layers) {
    if (layer.type == "max_pool") outputs.push_back(to_string(layer.output));
  }
  EXPECT_EQ(outputs, (std::vector<std::string>{"112, 112, 64", "56, 56, 128", "28, 28, 256", "14, 14, 512",
                                               "7, 7, 512"}));
  ASSERT_EQ(summary.layers.size(), 24U);
  EXPECT_EQ(to_string(summary.layers[0].output), "224, 224, 64");
  EXPECT_EQ(summary.layers[0].cost.parameters, 1792);
  EXPECT_EQ(to_string(summary.layers[16].output), "14, 14, 512");
  EXPECT_EQ(to_string(summary.layers[18].output), "25088");
  EXPECT_EQ(summary.layers[19].cost.parameters, 102'764'544);
  EXPECT_EQ(summary.total.parameters, 138'357'544);
}

TEST(Topologies, ResNet18) {
  const Network network = load_config(source_dir() + "/configs/resnet18.yaml").config.network;
  const NetworkSummary summary = summarise(network);

  std::vector<std::string> blocks;
  for (const LayerSummary& layer : summary.layers)
    if (layer.type == "relu" && layer.name.starts_with("layer")) blocks.push_back(to_string(layer.output));
  EXPECT_EQ(blocks, (std::vector<std::string>{"56, 56, 64", "56, 56, 64", "28, 28, 128", "28, 28, 128",
                                              "14, 14, 256", "14, 14, 256", "7, 7, 512", "7, 7, 512"}));
  EXPECT_EQ(to_string(summary.layers[0].output), "112, 112, 64");
  EXPECT_EQ(to_string(summary.layers[3].output), "56, 56, 64");
  EXPECT_EQ(summary.layers[0].left_over, (LeftOver{.padding_rows = 1, .padding_columns = 1}));
  EXPECT_EQ(summary.layers[3].left_over, (LeftOver{.padding_rows = 1, .padding_columns = 1}));
  int dropping = 0;
  for (const LayerSummary& layer : summary.layers)
    dropping += layer.left_over == LeftOver{.rows = 1, .columns = 1} ? 1 : 0;
  EXPECT_EQ(dropping, 3);  // the 1 x 1 convolutions of stride 2
  EXPECT_EQ(summary.total.trainable,
            11'689'512);  // sum(p.numel() for p in torchvision.models.resnet18().parameters())
  EXPECT_EQ(summary.total.parameters, 11'689'512 + 9'600);
}

TEST(Topologies, KerasMnist) {
  const NetworkSummary summary = summary_of("keras_mnist.yaml");

  expect_rows(summary, {{"conv2d", "conv2d", "26, 26, 32", 320},
                        {"max_pooling2d", "max_pool", "13, 13, 32", 0},
                        {"conv2d_1", "conv2d", "11, 11, 64", 18496},
                        {"max_pooling2d_1", "max_pool", "5, 5, 64", 0},
                        {"flatten", "flatten", "1600", 0},
                        {"dropout", "dropout", "1600", 0},
                        {"dense", "dense", "10", 16010}});
  EXPECT_EQ(summary.total.parameters, 34'826);
  EXPECT_EQ(summary.layers[3].left_over, (LeftOver{.rows = 1, .columns = 1}));
}

TEST(Topologies, ReadmeStatesTheParametersOfEveryConfiguration) {
  std::ifstream readme(source_dir() + "/configs/README.md");
  const std::regex row(R"(\| `([a-z0-9_]+\.yaml)` .* ([0-9,]+) \|)");
  std::set<std::string> listed;
  for (std::string line; std::getline(readme, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    std::string number = match[2];
    std::erase(number, ',');
    EXPECT_EQ(summary_of(match[1]).total.parameters, std::stoll(number)) << line;
    listed.insert(match[1]);
  }

  std::set<std::string> present;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/configs")) {
    if (entry.path().extension() == ".yaml") present.insert(entry.path().filename());
  }
  EXPECT_EQ(listed, present);
}

}  // namespace
}  // namespace annulus::trainer
