// Builds the tree from the parser's events, so that limits hold while it is parsed, not after.
#include "trainer/model/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::trainer {
namespace {

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string source, bool has_lines) : source_(std::move(source)), has_lines_(has_lines) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add_leaf(make_node(mark)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw UsageError("{}: a YAML alias (*name) is not supported here. Write the value out.",
                     make_node(mark).place());
  }
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    throw UsageError("{}: a YAML anchor (&{}) is not supported here. Remove it and write values out.",
                     make_node(mark).place(), name.substr(0, YamlLimits::kKeyBytes));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    YamlNode node = make_node(mark);
    node.kind = YamlNode::Kind::scalar;
    node.text = value;
    node.quoted = tag == "!";
    add_leaf(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::sequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::mapping);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    std::string key;
    bool has_key = false;
  };

  YamlNode make_node(const YAML::Mark& mark) {
    if (++nodes_ > YamlLimits::kNodes) {
      throw UsageError("{}: it holds more than {} values, which no configuration needs.", source_,
                       YamlLimits::kNodes);
    }
    YamlNode node;
    node.source = source_;
    node.line = has_lines_ ? mark.line + 1 : 0;
    return node;
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode node = make_node(mark);
    node.kind = kind;
    if (open_.size() >= YamlLimits::kDepth) {
      throw UsageError("{}: values are nested more than {} deep. Is the indentation right?", node.place(),
                       YamlLimits::kDepth);
    }
    open_.push_back({std::move(node), {}, false});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add_leaf(std::move(node));
  }

  void add_leaf(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, node);
    } else {
      parent.node.entries.push_back({std::move(parent.key), std::move(node)});
      parent.has_key = false;
    }
  }

  static void take_key(Open& parent, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::scalar || node.text.size() > YamlLimits::kKeyBytes) {
      throw UsageError("{}: a key must be a word of at most {} letters, not {}.", node.place(),
                       YamlLimits::kKeyBytes, describe_kind(node));
    }
    if (const YamlNode* first = parent.node.find(node.text)) {
      throw UsageError("{}: the key {} is there twice, first at {}. Remove one of them.", node.place(),
                       node.text, first->place());
    }
    parent.key = node.text;
    parent.has_key = true;
  }

  std::string source_;
  bool has_lines_;
  std::size_t nodes_ = 0;
  std::vector<Open> open_;
  YamlNode root_;
};

void check_text(const std::string& text, const std::string& source) {
  if (text.size() > YamlLimits::kBytes) {
    throw UsageError(
        "{}: it has {} bytes, more than the {} that a configuration may have. Is it another file?", source,
        text.size(), YamlLimits::kBytes);
  }
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text, at);
    if (length == 0 || (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r')) {
      throw UsageError(
          "{}:{}: byte 0x{:02x} is not text (UTF-8). Save the file as UTF-8, or is it another file?", source,
          line, byte);
    }
    if (byte == '\n') ++line;
    at += length;
  }
}

YamlNode parse(const std::string& text, TreeBuilder builder, const std::string& source) {
  check_text(text, source);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return YamlNode{.source = source};
    YamlNode root = builder.take_root();
    if (parser.HandleNextDocument(builder)) {
      throw UsageError("{}: it holds several YAML documents (---). Keep one.", source);
    }
    return root;
  } catch (const YAML::Exception& error) {
    const std::string line = error.mark.is_null() ? "" : fmt::format(":{}", error.mark.line + 1);
    throw UsageError("{}{}: not valid YAML: {}. Check indentation, colons and brackets near there.", source,
                     line, error.msg);
  }
}

}  // namespace

std::string YamlNode::place() const { return line > 0 ? fmt::format("{}:{}", source, line) : source; }

const YamlNode* YamlNode::find(const std::string& key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

YamlNode* YamlNode::find(const std::string& key) {
  return const_cast<YamlNode*>(static_cast<const YamlNode*>(this)->find(key));
}

std::string describe_kind(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a group of keys";
    case YamlNode::Kind::scalar:
      break;
  }
  constexpr std::size_t kShown = 60;
  const bool longer = node.text.size() > kShown;
  return fmt::format("\"{}{}\"", node.text.substr(0, kShown), longer ? "..." : "");
}

YamlNode parse_yaml(const std::string& text, const std::string& source) {
  return parse(text, TreeBuilder(source, true), source);
}

YamlNode parse_yaml_value(const std::string& text, const std::string& source) {
  return parse(text, TreeBuilder(source, false), source);
}

}  // namespace annulus::trainer
