// The types of layers that the configuration knows and the keys of each.
#pragma once

#include <string>
#include <vector>

#include "trainer/model/config_fields.hpp"

namespace annulus::trainer {

/// A layer as it is written, before shapes are known.
struct LayerDraft {
  Operation operation;
  LayerOptions options;
};

/// "conv2d", "max_pool", ...: all types in the order of the documentation.
const std::vector<std::string>& layer_types();

/// The operation of a type with its defaults. @pre type is one of layer_types()
Operation default_operation(const std::string& type);

/// The key that the short form `- dense: 10` sets, or "" when the type has none.
std::string short_key(const std::string& type);

/// All keys of a layer.
void describe(Fields& fields, LayerDraft& draft);

}  // namespace annulus::trainer
