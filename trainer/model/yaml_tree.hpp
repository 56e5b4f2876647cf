// A YAML text as a tree of plain values that know where they were written. The only door to the YAML library;
// it bounds what a hostile text can cost.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace annulus::trainer {

struct YamlEntry;

/// One value. Scalars stay text until a reader knows which type it wants.
struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  std::string text = {};             ///< of a scalar
  bool quoted = false;               ///< scalar in quotes: text, never a number
  std::vector<YamlNode> items = {};  ///< of a sequence
  std::vector<YamlEntry> entries;    ///< of a mapping, in the order written; keys are unique
  std::string source = {};           ///< "configs/cifar10.yaml" or "command line"
  int line = 0;                      ///< from 1; 0 = no line (command line)

  /// "configs/cifar10.yaml:12" or "command line".
  std::string place() const;
  /// Value under a key of a mapping, or nullptr.
  const YamlNode* find(const std::string& key) const;
  YamlNode* find(const std::string& key);
};

struct YamlEntry {
  std::string key;
  YamlNode value;
};

/// "text", "a list", ...: what a node is, for messages.
std::string describe_kind(const YamlNode& node);

/// Bounds of a configuration text.
struct YamlLimits {
  static constexpr std::size_t kBytes = std::size_t{1} << 20;
  static constexpr std::size_t kNodes = 50'000;
  static constexpr std::size_t kDepth = 16;
  static constexpr std::size_t kKeyBytes = 128;
};

/// Parses one YAML document; an empty text gives a null node. @param source  names it in messages
/// @throws UsageError with source and line: syntax, duplicate or unusable keys, anchors and aliases, several
/// documents, text that is not UTF-8, more than YamlLimits allows
YamlNode parse_yaml(const std::string& text, const std::string& source);

/// parse_yaml() for the right side of `key=value`, which has no lines.
YamlNode parse_yaml_value(const std::string& text, const std::string& source);

}  // namespace annulus::trainer
