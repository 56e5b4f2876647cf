// The resolved configuration as text: canonical YAML that reads back to the same configuration.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "trainer/model/config_fields.hpp"

namespace annulus::trainer {

/// A key with its full name and its value as YAML.
struct ConfigValue {
  std::string key;
  std::string value;
};

enum class Paddings {
  as_given,  ///< "same" where that was given
  pixels,    ///< what "same" comes to, so that equal networks read alike
};

/// Walks describe() and collects values and text. Use: ConfigWriter writer; describe(writer, copy_of_config).
class ConfigWriter final : public Fields {
 public:
  /// @param leaves_out  keys that are not to be written
  explicit ConfigWriter(Paddings paddings = Paddings::as_given,
                        std::function<bool(const std::string& key)> leaves_out = {})
      : paddings_(paddings), leaves_out_(std::move(leaves_out)) {}

  const std::string& yaml() const { return yaml_; }
  const std::vector<ConfigValue>& values() const { return values_; }

  bool reading() const override { return false; }
  void begin(const char* group) override;
  void end() override;
  void visit(const char* key, const FieldValue& value) override;
  void inputs(std::vector<std::string>& names) override;
  void network(Network& network) override;

 private:
  void write(const std::string& key, const std::string& value);
  void write_layer(const Network& network, std::size_t index);

  Paddings paddings_;
  std::function<bool(const std::string&)> leaves_out_;
  std::string group_line_;    ///< "optimizer:" until something of the group is written
  std::string prefix_;        ///< "optimizer." inside a group
  bool in_layer_ = false;     ///< layers are written on one line in braces
  std::string layer_fields_;  ///< "filters: 8, kernel: [3, 3]"
  std::string yaml_;
  std::vector<ConfigValue> values_;
};

/// The resolved configuration without what says nothing of the model or its training, only where, how fast
/// and how often something happens: threads, buckets, when checkpoints are taken. Equal runs have equal ones.
std::string yaml_of_model(const Config& config);

}  // namespace annulus::trainer
