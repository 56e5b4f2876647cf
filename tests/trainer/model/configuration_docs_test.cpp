// docs/configuration.md names every key that the reader knows, with its default and the words it takes, and
// no other; and which kinds use which key.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "base/error.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

std::string documentation() {
  std::ifstream file(source_dir() + "/docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Key -> default (or another column) of the table rows "| `key` | type | default | meaning |" in a text.
enum Column { type = 2, standard = 3, meaning = 4 };
std::map<std::string, std::string> table_rows(const std::string& text, Column column = standard) {
  static const std::regex row(R"(\| `([a-z0-9_.]+)` \| ([^|]*) \| ([^|]*) \| (.*) \|)");
  std::map<std::string, std::string> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) rows.emplace(match[1], match[column]);  // the first wins
  }
  return rows;
}

/// The part of the documentation under the heading that names a layer type.
std::string section_of(const std::string& text, const std::string& type) {
  std::size_t begin = text.find("\n### ");
  while (begin != std::string::npos) {
    const std::size_t line_end = text.find('\n', begin + 1);
    const std::size_t end = text.find("\n##", line_end);
    if (text.substr(begin, line_end - begin).find("`" + type + "`") != std::string::npos) {
      return text.substr(begin, end - begin);
    }
    begin = text.find("\n### ", line_end);
  }
  return "";
}

/// A default network of every type, so that every key has a value.
const char* const kEveryLayer = R"(
data: {files: a.h5, label_files: b.h5, validation_files: c.h5, validation_label_files: d.h5, test_files: e.h5,
       test_label_files: f.h5, validation_images: a, validation_labels: b, test_images: c, test_labels: d, weights: e}
network:
  input: [8, 8, 2]
  layers:
    - conv2d: {filters: 2, kernel: 1, groups: 2, weights: [[1]]}
    - add: {inputs: [input, conv2d]}
    - lrn
    - batch_norm
    - group_norm: 2
    - relu
    - sigmoid
    - tanh
    - max_pool
    - average_pool
    - dropout
    - global_average_pool: {input: dropout}
    - global_max_pool: {input: dropout}
    - add: {inputs: [global_average_pooling2d, global_max_pooling2d]}
    - flatten: {input: dropout, name: side}
    - dense: {units: 2, input: side}
    - add: {inputs: [add_1, dense]}
    - softmax
)";

/// What kEveryLayer cannot have: inputs with names, the layers that are for them, and a generator.
const char* const kNamedInputs = R"(
data: {path: some.h5, validation: held, inputs: {track: momentum}, generator: rich, rich: {tracks: 4}}
network:
  inputs: {image: [8, 8, 2], track: [3]}
  layers:
    - circular_pad: {width: 1}
    - flatten
    - concat: {inputs: [flatten, track]}
    - dense: 2
    - softmax
)";

/// All keys with values; what both configurations have comes twice.
std::vector<Origin> every_value() {
  std::vector<Origin> values = config_values(parse_config(kEveryLayer, "test").config);
  const std::vector<Origin> more = config_values(parse_config(kNamedInputs, "test").config);
  values.insert(values.end(), more.begin(), more.end());
  return values;
}

TEST(ConfigurationDocs, HaveEveryKeyWithItsDefault) {
  const std::map<std::string, std::string> rows = table_rows(documentation());

  std::set<std::string> known{"network.layers"};
  for (const Origin& value : every_value()) {
    if (value.key.starts_with("network.layers.")) continue;
    known.insert(value.key);
    const auto row = rows.find(value.key);
    ASSERT_NE(row, rows.end()) << value.key << " is missing in docs/configuration.md";
    if (row->second != "-") {
      EXPECT_EQ(row->second, value.value) << value.key;
    }
  }

  for (const auto& [key, value] : rows) {
    if (key.find('.') == std::string::npos) continue;  // keys of layers, see below
    EXPECT_TRUE(known.contains(key)) << key << " is documented but does not exist";
  }
}

TEST(ConfigurationDocs, HaveEveryKeyOfEveryLayer) {
  const std::string text = documentation();
  const std::map<std::string, std::string> common =
      table_rows(text.substr(text.find("### Keys of every layer")));

  std::set<std::string> types;
  for (const Origin& value : every_value()) {
    if (!value.key.starts_with("network.layers.")) continue;
    const std::size_t type_begin = value.key.find('.', 15) + 1;
    const std::size_t type_end = value.key.find('.', type_begin);
    const std::string type = value.key.substr(type_begin, type_end - type_begin);
    const std::string key = value.key.substr(type_end + 1);
    types.insert(type);
    EXPECT_TRUE(table_rows(section_of(text, type)).contains(key) || common.contains(key)) << value.key;
  }

  for (const std::string& type : layer_types()) {
    EXPECT_FALSE(section_of(text, type).empty()) << "no heading names " << type;
    EXPECT_TRUE(types.contains(type)) << "no configuration of this test has a layer " << type;
  }
}

/// The words that a key takes, as the reader lists them when it gets another; empty when it takes no words.
std::string words_of(const std::string& key) {
  try {
    parse_config(kEveryLayer, "test", {key + "=no_such_word"});
  } catch (const UsageError& error) {
    const std::string message = error.what();
    const std::string before = key + " is \"no_such_word\", but must be one of ";
    const std::size_t begin = message.find(before);
    if (begin == std::string::npos) return "";
    const std::size_t words = begin + before.size();
    return message.substr(words, message.find('.', words) - words);
  }
  return "";
}

TEST(ConfigurationDocs, HaveEveryWordOfEveryChoice) {
  const std::string text = documentation();
  const std::map<std::string, std::string> types = table_rows(text, type);

  int choices = 0;
  for (const Origin& value : config_values(parse_config(kEveryLayer, "test").config)) {
    const std::string words = words_of(value.key);
    if (words.empty()) continue;
    ++choices;
    const bool of_layer = value.key.starts_with("network.layers.");
    const std::string key = of_layer ? value.key.substr(value.key.rfind('.') + 1) : value.key;
    EXPECT_EQ(types.at(key), words) << value.key;
  }
  EXPECT_GE(choices, 10);  // or the reader's sentence has changed
}

/// "sgd, lars: ..." or "sgd" for a key that only some kinds use.
void expect_kinds(const std::string& key, const std::vector<std::string>& words) {
  if (words.empty()) return;
  const std::string found = table_rows(documentation(), meaning).at(key);
  EXPECT_EQ(found.substr(0, found.find(':')), fmt::format("{}", fmt::join(words, ", "))) << key;
}

TEST(ConfigurationDocs, SayWhichKindsUseAKey) {
  for (const Origin& value : config_values(Config{})) {
    const std::string name = value.key.substr(value.key.find('.') + 1);
    if (value.key.starts_with("optimizer.")) expect_kinds(value.key, words_using(kOptimizers, name));
    if (value.key.starts_with("schedule.")) expect_kinds(value.key, words_using(kSchedules, name));
  }
}

}  // namespace
}  // namespace annulus::trainer
