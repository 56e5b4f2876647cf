// The rules of each operation: which inputs it takes, what comes out, which parameters it has. Used by the
// network builder alone.
#pragma once

#include <string>
#include <vector>

#include "trainer/model/network.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {

/// "configs/cifar10.yaml:12: layer conv2d_1 (conv2d)": the start of every message about a layer.
std::string place_of(const Layer& layer, const std::string& source);

/// As the configuration calls the operation: "conv2d", "max_pool", "relu".
std::string type_of(const Operation& operation);

/// Keras' default name of such a layer, without number: "max_pooling2d".
std::string default_name_of(const Operation& operation);

/// Checks the layer's operation against its input shapes and fills in `output`, `parameters` and the resolved
/// padding. @pre name, type, operation, input and line are set   @param inputs  shapes of all inputs
/// @throws UsageError
void apply_rules(Layer& layer, PaddingMode padding, const std::vector<SampleShape>& inputs,
                 const std::string& source);

}  // namespace annulus::trainer
