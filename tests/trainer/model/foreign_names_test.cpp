// Keys and layers of Keras and PyTorch lead to what they are called here, and what is proposed exists.
#include "trainer/model/foreign_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/config_writer.hpp"
#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kConfig = R"(data: {path: some.h5, validation: held}
network:
  input: [8, 8, 1]
  layers:
    - conv2d: {filters: 2, kernel: 3}
    - flatten
    - dense: 2
    - softmax
)";

std::string message_of(const std::vector<std::string>& overrides, const std::string& yaml = kConfig) {
  try {
    parse_config(yaml, "a.yaml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ForeignNames, LeadToTheKeyOfThisProgram) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"lr=0.1", "Did you mean optimizer.learning_rate?"},
      {"optimizer.lr=0.1", "Did you mean optimizer.learning_rate?"},
      {"learning_rate=0.1", "Did you mean optimizer.learning_rate?"},
      {"batch_size=32", "batch.size"},
      {"num_epochs=3", "Did you mean epochs?"},
      {"optimizer.clipnorm=1", "Keras' clipnorm, which bounds every variable by itself, is not offered"},
      {"optimizer.global_clipnorm=1", "Did you mean optimizer.clip_norm?"},
      {"optimizer.clipvalue=1", "bounds the norm of the whole gradient"},
      {"optimizer.beta_1=0.9", "Did you mean beta1?"},
      {"optimizer.eps=1e-8", "Did you mean optimizer.epsilon?"},
      {"early_stopping.min_delta=0.1", "Did you mean early_stopping.minimum_improvement?"},
      {"early_stopping.monitor=val_loss", "checkpoint.best_by"},
      {"early_stopping.restore_best_weights=true", "checkpoint.keep_best"},
      {"validation_split=0.1", "Did you mean data.validation_fraction?"},
      {"data.num_workers=4", "Did you mean data.loader_threads?"},
      {"schedule.step_size=4", "Did you mean schedule.step_epochs?"},
      {"augmentation.rescale=1", "Did you mean normalisation.rescale?"},
      {"network.layers.0.conv2d.kernel_size=3", "Did you mean kernel?"},
      {"network.layers.0.conv2d.strides=2", "Did you mean stride?"},
      {"network.layers.0.conv2d.in_channels=2", "follows from the layer before"},
      {"network.layers.2=Linear", "Did you mean dense?"},
      {"network.layers.1=MaxPooling2D", "Did you mean max_pool?"},
      {"network.layers.1=BatchNormalization", "Did you mean batch_norm?"},
      {"network.layers.1=LeakyReLU", "relu, sigmoid and tanh are"},
      {"optimizer.momentun=0.9", "Did you mean momentum?"},
      {"datas=1", "Did you mean data?"}};
  for (const auto& [given, expected] : cases) EXPECT_THAT(message_of({given}), HasSubstr(expected)) << given;
}

TEST(ForeignNames, WordsMayHaveCapitalLetters) {
  const Config config =
      parse_config(kConfig, "a.yaml",
                   {"optimizer.kind=AdamW", "network.layers.2={Dense: {units: 2, activation: ReLU}}",
                    "network.layers.0.conv2d.padding=SAME", "data.shuffle=False"})
          .config;

  EXPECT_EQ(config.optimizer.kind, OptimizerKind::adamw);
  EXPECT_THAT(config.yaml, HasSubstr("kind: adamw"));
  EXPECT_THAT(config.yaml, HasSubstr("activation: relu"));
  EXPECT_FALSE(config.data.shuffle);
  EXPECT_THAT(message_of({"optimizer.kind=AdamWW"}), HasSubstr("Did you mean adamw?"));
}

TEST(ForeignNames, WhatIsProposedExists) {
  std::set<std::string> keys{"network.layers", "network.input"};
  std::set<std::string> layer_keys;
  for (const Origin& value : config_values(parse_config(kConfig, "a.yaml").config)) keys.insert(value.key);
  for (const LayerType& type : layer_table()) {
    LayerDraft draft{type.operation, {}};
    ConfigWriter writer;
    describe(writer, draft);
    for (const ConfigValue& value : writer.values()) layer_keys.insert(value.key);
  }

  for (const ForeignName& entry : foreign_names()) {
    const std::string key(entry.key);
    EXPECT_TRUE(!entry.key.empty() || !entry.remark.empty()) << entry.names;
    if (key.empty()) continue;
    EXPECT_TRUE((entry.group == "layer" ? layer_keys : keys).contains(key)) << entry.names << " -> " << key;
  }
  for (const ForeignName& entry : foreign_layers()) {
    const std::string word(entry.key);
    if (!word.empty()) {
      EXPECT_THAT(layer_types(), testing::Contains(word)) << entry.names;
    }
  }
}

/// The first entry of a name and group is the one that is found.
TEST(ForeignNames, StandOnceInAGroup) {
  std::set<std::string> seen;
  for (const ForeignName& entry : foreign_names()) {
    std::istringstream names{std::string(entry.names)};
    for (std::string name; names >> name;) {
      EXPECT_EQ(name, bare_name(name));
      EXPECT_TRUE(seen.insert(std::string(entry.group) + "/" + name).second) << entry.group << "/" << name;
    }
  }
}

}  // namespace
}  // namespace annulus::trainer
