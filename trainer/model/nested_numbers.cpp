// One recursion each way.
#include "trainer/model/nested_numbers.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

using Kind = YamlNode::Kind;

constexpr const char* kExample = "lists of numbers, e.g. [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]";

[[noreturn]] void fail(const YamlNode& node, const std::string& key) {
  throw UsageError("{}: {} holds {}, but must be {}.", node.place(), key, describe_kind(node), kExample);
}

/// The lengths of the first list of every level.
Extents extents_of(const YamlNode& node) {
  Extents extents;
  for (const YamlNode* at = &node; at->kind == Kind::sequence && !at->items.empty(); at = &at->items.front())
    extents.push_back(static_cast<std::int64_t>(at->items.size()));
  return extents;
}

void append(const YamlNode& node, const std::string& key, std::size_t level, FixedWeights& weights) {
  if (level == weights.extents.size()) {
    const auto value =
        node.kind == Kind::scalar && !node.quoted ? parse_float(node.text) : std::optional<float>{};
    if (!value) fail(node, key);
    weights.values.push_back(*value);
    return;
  }
  if (node.kind != Kind::sequence) fail(node, key);
  if (static_cast<std::int64_t>(node.items.size()) != weights.extents[level])
    throw UsageError("{}: {} has lists of {} and of {} values side by side, but rows have one length.",
                     node.place(), key, weights.extents[level], node.items.size());
  for (const YamlNode& item : node.items) append(item, key, level + 1, weights);
}

std::string text_of(const FixedWeights& weights, std::size_t level, std::size_t& next) {
  if (level == weights.extents.size()) return fmt::format("{}", weights.values[next++]);
  std::vector<std::string> parts;
  for (std::int64_t i = 0; i < weights.extents[level]; ++i)
    parts.push_back(text_of(weights, level + 1, next));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

}  // namespace

FixedWeights read_nested_numbers(const YamlNode& node, const std::string& key) {
  FixedWeights weights{.extents = extents_of(node)};
  if (weights.extents.empty()) fail(node, key);
  append(node, key, 0, weights);
  return weights;
}

std::string nested_numbers_text(const FixedWeights& weights) {
  std::size_t next = 0;
  return weights.empty() ? "" : text_of(weights, 0, next);
}

}  // namespace annulus::trainer
