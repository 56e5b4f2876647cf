// `key=value` from the command line, put into the YAML tree before it is read.
#pragma once

#include <string>
#include <vector>

#include "trainer/model/yaml_tree.hpp"

namespace annulus::trainer {

/// The source of values from the command line.
constexpr const char* kCommandLine = "command line";

/// "a.b=value" sets key b of group a; "network.layers.2.dense.units=64" reaches into lists. The value is
/// YAML: a scalar, [list] or {group}; null takes the key away. @throws UsageError naming the override
void apply_override(YamlNode& root, const std::string& override_text);

}  // namespace annulus::trainer
