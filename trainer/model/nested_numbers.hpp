// Nested lists of numbers in a configuration, such as the fixed weights of a filter.
#pragma once

#include <string>

#include "trainer/model/layers/settings.hpp"
#include "trainer/model/yaml_tree.hpp"

namespace annulus::trainer {

/// Lists of lists (of lists ...) of numbers; all lists of a level have one length.
/// @param key  in full, for messages   @throws UsageError with place, key and what to write
FixedWeights read_nested_numbers(const YamlNode& node, const std::string& key);

/// The same as YAML that reads back to the same bits; empty for no numbers.
std::string nested_numbers_text(const FixedWeights& weights);

}  // namespace annulus::trainer
