// One function per form of value; groups are a stack of mappings with the keys asked for so far.
#include "trainer/model/config_reader.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/lower_case.hpp"
#include "base/nearest_name.hpp"
#include "trainer/model/config_overrides.hpp"
#include "trainer/model/foreign_names.hpp"
#include "trainer/model/nested_numbers.hpp"
#include "trainer/model/network_reader.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestList = 65536;

using Kind = YamlNode::Kind;

[[noreturn]] void fail_type(const YamlNode& node, const std::string& key, const std::string& wanted) {
  throw UsageError("{}: {} is {}, but must be {}.", node.place(), key, describe_kind(node), wanted);
}

[[noreturn]] void fail_range(const YamlNode& node, const std::string& key, const Limits& limits) {
  throw UsageError("{}: {} is {}, but must {}.", node.place(), key, node.text.substr(0, 60), limits.text());
}

/// Taken away by `key=null` on the command line.
bool is_dropped(const YamlNode& node) { return node.kind == Kind::null && node.source == kCommandLine; }

bool is_word(const YamlNode& node) { return node.kind == Kind::scalar && !node.quoted; }

const std::string& line_of(const YamlNode& node, const std::string& key) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  const bool good = node.kind == Kind::scalar && !node.text.empty() && node.text.size() <= kLongestText &&
                    std::none_of(node.text.begin(), node.text.end(), is_control);
  if (!good) fail_type(node, key, fmt::format("one line of 1 to {} letters", kLongestText));
  return node.text;
}

const std::vector<YamlNode>& list_of(const YamlNode& node, std::string_view key, std::string_view wanted) {
  if (node.kind != Kind::sequence || node.items.size() > kLongestList)
    fail_type(node, std::string(key), std::string(wanted));
  return node.items;
}

std::string join_words(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

/// The known key that the unknown one most likely stands for: written otherwise, of another tool, or
/// mistyped.
std::string hint_for(const std::string& key, const std::string& prefix,
                     const std::vector<std::string>& known) {
  // First: Keras' clipnorm looks like clip_norm, and is something else.
  if (std::string advice = advice_about_key(prefix, key); !advice.empty()) return advice;
  const auto alike = [&](const std::string& other) { return bare_name(other) == bare_name(key); };
  const auto same = std::find_if(known.begin(), known.end(), alike);
  const std::string nearest = same != known.end() ? *same : io::nearest_name(key, known);
  return nearest.empty() ? "" : fmt::format(" Did you mean {}?", nearest);
}

[[noreturn]] void fail_unknown(const YamlEntry& entry, const std::string& prefix,
                               const std::vector<std::string>& known) {
  const std::string full_key = prefix.empty() ? entry.key : prefix + "." + entry.key;
  const std::string hint = hint_for(entry.key, prefix, known);
  throw UsageError("{}: unknown key {}.{} Keys possible here: {}.", entry.value.place(), full_key, hint,
                   join_words(known));
}

std::int64_t whole_of(const YamlNode& node, const std::string& key, const Limits& limits) {
  const std::optional<std::int64_t> value = is_word(node) ? parse_whole(node.text) : std::nullopt;
  if (value && limits.contains(static_cast<double>(*value))) return *value;
  const std::optional<double> real = is_word(node) ? parse_double(node.text) : std::nullopt;
  if (!real || std::trunc(*real) != *real) fail_type(node, key, "a whole number");
  if (!limits.contains(*real)) fail_range(node, key, limits);
  fail_type(node, key, fmt::format("a whole number in digits: {:.0f}", *real));  // e.g. 1e3
}

std::optional<double> parse(const std::string& text, double) { return parse_double(text); }
std::optional<float> parse(const std::string& text, float) { return parse_float(text); }

template <class Real>
Real real_of(const YamlNode& node, const std::string& key, const Limits& limits) {
  const std::optional<Real> value = is_word(node) ? parse(node.text, Real{}) : std::nullopt;
  if (!value) fail_type(node, key, "a number");
  if (!limits.contains(*value)) fail_range(node, key, limits);
  return *value;
}

/// Fills a variable from the node that was given for it.
struct FromNode {
  const YamlNode& node;
  const std::string key;  ///< in full, for messages

  void operator()(const TextValue& value) const { value.text = line_of(node, key); }
  void operator()(const WholeValue& value) const { value.number = whole_of(node, key, value.limits); }
  template <class Real>
  void operator()(const RealValue<Real>& value) const {
    value.number = real_of<Real>(node, key, value.limits);
  }
  void operator()(const WeightsValue& value) const { value.weights = read_nested_numbers(node, key); }
  void operator()(const PaddingValue& value) const { read_padding(node, key, value.padding, value.mode); }

  void operator()(const FlagValue& value) const {
    const std::string word = is_word(node) ? lower_case(node.text) : "";  // True and False of Python as well
    if (word != "true" && word != "false") fail_type(node, key, "true or false");
    value.flag = word == "true";
  }

  void operator()(const ListValue& value) const {
    std::vector<float> numbers;
    for (const YamlNode& item : list_of(node, key, "a list of numbers, e.g. [0.5, 0.5]"))
      numbers.push_back(real_of<float>(item, fmt::format("{}[{}]", key, numbers.size()), value.limits));
    value.numbers = std::move(numbers);
  }

  void operator()(const IntervalValue& value) const {
    constexpr Limits kFactor{0, 1000, Limits::Ends::low_open};
    if (value.form == IntervalForm::around_one && node.kind == Kind::scalar) {
      const float reach = real_of<float>(node, key, {0, 1, Limits::Ends::high_open});
      value.low = 1 - reach;
      value.high = 1 + reach;
      return;
    }
    const std::string wanted = value.form == IntervalForm::around_one
                                   ? "a number r (for [1 - r, 1 + r]) or a list [lowest, highest]"
                                   : "a list [lowest, highest], e.g. [0.8, 1.2]";
    const std::vector<YamlNode>& ends = list_of(node, key, wanted);
    if (ends.size() != 2) fail_type(node, key, wanted);
    value.low = real_of<float>(ends[0], key, kFactor);
    value.high = real_of<float>(ends[1], key, kFactor);
    if (value.low > value.high) {
      throw UsageError("{}: {} is [{}, {}], but the lowest must come first. Swap them.", node.place(), key,
                       value.low, value.high);
    }
  }

  void operator()(const AmountValue& value) const {
    if (node.kind != Kind::sequence) {
      value.amount = real_of<float>(node, key, value.limits);
      value.has_point = !parse_whole(node.text);
      value.count = 0;
      return;
    }
    const std::size_t most = value.choices.size();
    if (node.items.empty() || node.items.size() > most)
      fail_type(node, key, fmt::format("a number, or a list of 1 to {} numbers to choose from", most));
    const double reach = value.limits.high;
    for (std::size_t i = 0; i < node.items.size(); ++i)
      value.choices[i] = real_of<float>(node.items[i], fmt::format("{}[{}]", key, i), {-reach, reach});
    value.amount = 0;
    value.has_point = false;
    value.count = node.items.size();
  }

  void operator()(const WordValue& value) const {
    const auto found = std::find_if(value.words.begin(), value.words.end(), [&](const std::string& word) {
      return lower_case(word) == lower_case(node.text);  // AdamW, ReLU: as other tools write them
    });
    if (node.kind != Kind::scalar || found == value.words.end()) {
      const std::string nearest =
          node.kind == Kind::scalar ? io::nearest_name(node.text.substr(0, 64), value.words) : "";
      fail_type(
          node, key,
          "one of " + join_words(value.words) + (nearest.empty() ? "" : ". Did you mean " + nearest + "?"));
    }
    value.index = static_cast<int>(found - value.words.begin());
  }

  void operator()(const SizeValue& value) const {
    if (node.kind != Kind::sequence) {
      value.size.height = value.size.width = whole_of(node, key, value.limits);
      return;
    }
    if (node.items.size() != 2) fail_type(node, key, "a whole number or [height, width]");
    value.size = {whole_of(node.items[0], key, value.limits), whole_of(node.items[1], key, value.limits)};
  }

  void operator()(const TextsValue& value) const {
    if (node.kind == Kind::scalar) {
      value.texts = {line_of(node, key)};
      return;
    }
    const std::string wanted = "a text, or a list of them, e.g. [a.h5, b.h5]";
    std::vector<std::string> texts;
    for (const YamlNode& item : list_of(node, key, wanted))
      texts.push_back(line_of(item, fmt::format("{}[{}]", key, texts.size())));
    if (texts.empty()) fail_type(node, key, wanted);
    value.texts = std::move(texts);
  }

  void operator()(const NamesValue& value) const {
    if (node.kind != Kind::mapping) fail_type(node, key, "a group of name: value pairs");
    value.names.clear();
    for (const YamlEntry& entry : node.entries) {
      if (!is_dropped(entry.value)) value.names[entry.key] = line_of(entry.value, key + "." + entry.key);
    }
  }
};

}  // namespace

ConfigReader::ConfigReader(const YamlNode& root) { enter(&root, ""); }

void ConfigReader::finish() {
  const std::string place = frames_.back().node->place();
  leave();
  if (has_network_) return;
  throw UsageError(
      "{}: network is missing. Say what the images look like and list the layers:\n"
      "network:\n  input: [32, 32, 3]\n  layers:\n    - flatten\n    - dense: 10\n    - softmax",
      place);
}

std::string ConfigReader::full(const std::string& key) const {
  const std::string& prefix = frames_.back().prefix;
  return prefix.empty() ? key : prefix + "." + key;
}

void ConfigReader::enter(const YamlNode* node, const std::string& prefix) {
  const bool absent = node == nullptr || node->kind == Kind::null;  // a group whose keys are all comments
  if (!absent && node->kind != Kind::mapping) {
    fail_type(*node, prefix.empty() ? "the configuration" : prefix, "a group of keys (key: value lines)");
  }
  frames_.push_back({node, prefix, {}});
}

void ConfigReader::leave() {
  const Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.node == nullptr) return;
  for (const YamlEntry& entry : frame.node->entries) {
    if (std::find(frame.known.begin(), frame.known.end(), entry.key) != frame.known.end()) continue;
    fail_unknown(entry, frame.prefix, frame.known);
  }
}

const YamlNode* ConfigReader::take(const std::string& key) {
  Frame& frame = frames_.back();
  frame.known.push_back(key);
  return frame.node == nullptr ? nullptr : frame.node->find(key);
}

const YamlNode* ConfigReader::given(const char* key) {
  const YamlNode* node = take(key);
  if (node == nullptr || is_dropped(*node)) return nullptr;
  if (node->kind == Kind::null) {
    throw UsageError("{}: {} has no value. Write one after the colon, or remove the line for the default.",
                     node->place(), full(key));
  }
  record(full(key), *node);
  return node;
}

void ConfigReader::begin(const char* group) {
  const YamlNode* node = take(group);
  enter(node, full(group));
}

void ConfigReader::end() { leave(); }

void ConfigReader::visit(const char* key, const FieldValue& value) {
  const YamlNode* node = given(key);
  if (node == nullptr && std::holds_alternative<WordValue>(value) && std::string(key) == "kind" &&
      frames_.back().node != nullptr && frames_.back().node->find("name") != nullptr) {
    node = given("name");  // `name: sgd` reads naturally too
    if (node != nullptr) record(full(key), *node);
  }
  if (node != nullptr) std::visit(FromNode{*node, full(key)}, value);
}

void ConfigReader::inputs(std::vector<std::string>& names) {
  const YamlNode* one = given("input");
  const YamlNode* several = given("inputs");
  if (one && several) {
    throw UsageError("{}: both input and inputs are given. Keep one of them.", several->place());
  }
  if (one) {
    if (one->kind != Kind::scalar)
      fail_type(*one, full("input"), "the name of one layer (inputs: takes a list)");
    names = {one->text};
  }
  if (!several) return;
  for (const YamlNode& item : list_of(*several, full("inputs"), "a list of layer names")) {
    if (item.kind != Kind::scalar) fail_type(item, full("inputs"), "a list of layer names");
    names.push_back(item.text);
  }
}

void ConfigReader::network(Network& network) {
  const YamlNode* node = take("network");
  if (node == nullptr || node->kind == Kind::null) return;
  has_network_ = true;
  network = read_network(*this, *node);
}

}  // namespace annulus::trainer
