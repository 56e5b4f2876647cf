// A network with its weights as plain data: what every export starts from.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

struct TrainedNetwork {
  Network network;
  /// For each layer its parameters in the order of LayerNode::parameters, in Keras' order and extents.
  std::vector<std::vector<std::vector<float>>> parameters;
  io::Normalisation normalisation;                              ///< of pixels as they are stored
  std::vector<std::string> classes = {};                        ///< names of the outputs, or none
  std::vector<std::pair<std::string, std::string>> notes = {};  ///< what else a file may say of it
};

}  // namespace annulus::trainer
