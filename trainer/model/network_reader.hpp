// The `network` group of the configuration: the inputs with their shapes and the list of layers.
#pragma once

#include <string>

#include "trainer/model/config_reader.hpp"

namespace annulus::trainer {

/// Reads and checks a network through the builder. @throws UsageError with file, line and layer
Network read_network(ConfigReader& reader, const YamlNode& node);

/// valid | same | n | [top, bottom, left, right] | {height: n or [top, bottom], width: n or [left, right]}
void read_padding(const YamlNode& node, const std::string& key, Padding& padding, PaddingMode& mode);

}  // namespace annulus::trainer
