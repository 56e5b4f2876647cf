// Fills the configuration from a YAML tree and remembers where every value was written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/model/config_fields.hpp"
#include "trainer/model/yaml_tree.hpp"

namespace annulus::trainer {

/// Key -> "configs/cifar10.yaml:12" or "command line", for keys that were given.
using Places = std::map<std::string, std::string>;

/// Every method throws UsageError naming place, key, reason and what to write instead.
class ConfigReader final : public Fields {
 public:
  /// @param root  a mapping or null; outlives the reader
  explicit ConfigReader(const YamlNode& root);

  /// Call after describe(): unknown top-level keys and a missing network are found here.
  void finish();
  const Places& places() const { return places_; }

  bool reading() const override { return true; }
  void begin(const char* group) override;
  void end() override;
  void visit(const char* key, const FieldValue& value) override;
  void inputs(std::vector<std::string>& names) override;
  void network(Network& network) override;

  /// Walks into a mapping (or nothing, when `node` is null) under a full key; leave() checks its keys.
  void enter(const YamlNode* node, const std::string& prefix);
  void leave();
  /// Value under a key of the mapping entered last, or nullptr; makes the key a known one.
  const YamlNode* take(const std::string& key);
  /// Remembers that the value of a full key was given at this node.
  void record(const std::string& full_key, const YamlNode& node) { places_[full_key] = node.place(); }
  /// "optimizer.momentum" for "momentum" in the mapping entered last.
  std::string full(const std::string& key) const;

 private:
  struct Frame {
    const YamlNode* node;
    std::string prefix;
    std::vector<std::string> known;
  };

  /// take(), then full key and record for a value that is there.
  const YamlNode* given(const char* key);

  std::vector<Frame> frames_;
  Places places_;
  bool has_network_ = false;
};

}  // namespace annulus::trainer
