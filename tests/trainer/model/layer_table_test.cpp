// The table of kinds of layers fits together, and no kind of it was forgotten where files are written by
// hand.
#include "trainer/model/layer_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/config_writer.hpp"

namespace annulus::trainer {
namespace {

std::set<std::string> keys_of(const LayerType& type) {
  LayerDraft draft{type.operation, {.name = "a"}};
  ConfigWriter writer;
  describe(writer, draft);
  std::set<std::string> keys;
  for (const ConfigValue& value : writer.values()) keys.insert(value.key);
  return keys;
}

TEST(LayerTable, EveryTypeIsFoundByItsWordAndByItsOperation) {
  std::set<std::string> words;
  for (const LayerType& type : layer_table()) {
    EXPECT_TRUE(words.insert(type.word).second) << type.word << " is there twice";
    EXPECT_EQ(&layer_type(type.word), &type);
    EXPECT_EQ(type_of(type.operation).word, type.word);
  }
}

TEST(LayerTable, ShortAndRequiredKeysAreKeysOfTheLayer) {
  for (const LayerType& type : layer_table()) {
    const std::set<std::string> keys = keys_of(type);
    EXPECT_TRUE(type.short_key.empty() || keys.contains(type.short_key)) << type.word;
    for (const char* key : type.required.keys)
      EXPECT_TRUE(key == nullptr || keys.contains(key)) << type.word << " " << key;
    EXPECT_EQ(type.takes_activation, keys.contains("activation")) << type.word;
  }
}

/// The configuration of a seed of tests/fuzz/config_fuzz.cpp without its overrides, if it is accepted.
std::optional<Config> accepted(const std::filesystem::path& path) {
  const std::string text = read_config_text(path.string());
  try {
    return parse_config(text.substr(0, text.find("\n###\n")), path.filename().string()).config;
  } catch (const UsageError&) {
    return {};  // kept for how it is refused
  }
}

TEST(LayerTable, EveryTypeIsInASeedOfTheFuzzTest) {
  std::set<std::string> missing(layer_types().begin(), layer_types().end());

  for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/tests/fuzz/corpus/config")) {
    const std::optional<Config> config = accepted(entry.path());
    if (!config) continue;
    for (const Layer& layer : config->network.layers) missing.erase(layer.type);
  }

  EXPECT_THAT(missing, testing::IsEmpty()) << "types in no accepted file of tests/fuzz/corpus/config";
}

}  // namespace
}  // namespace annulus::trainer
