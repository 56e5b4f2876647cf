// A network as plain data: what the configuration says, with shapes inferred and names given. The summary and
// every backend work from it; nothing here computes.
//
// In: layers and shapes from network_reader.cpp (a configuration) or network_builder.hpp (code).
// Out: layers in an order in which every input comes before its use, with inferred shapes, parameters
// in Keras' order, and names that are unique.
// Invariant: a Network that exists was checked by NetworkBuilder; nobody else adds a layer or changes a
// shape.
// Next: layers/layer_traits.hpp (what a kind of layer is), network_builder.hpp (the checks), config.hpp
// (the rest of a run), trainer/backend/planning/graph_lowering.hpp (how it becomes steps).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/shape.hpp"
#include "trainer/model/layers/activate.hpp"
#include "trainer/model/layers/add.hpp"
#include "trainer/model/layers/batch_norm.hpp"
#include "trainer/model/layers/circular_pad.hpp"
#include "trainer/model/layers/concat.hpp"
#include "trainer/model/layers/conv2d.hpp"
#include "trainer/model/layers/dense.hpp"
#include "trainer/model/layers/dropout.hpp"
#include "trainer/model/layers/flatten.hpp"
#include "trainer/model/layers/global_pool.hpp"
#include "trainer/model/layers/group_norm.hpp"
#include "trainer/model/layers/layer_node.hpp"
#include "trainer/model/layers/local_response_norm.hpp"
#include "trainer/model/layers/pool2d.hpp"

namespace annulus::trainer {

/// Every kind of layer; each has a header in layers/.
using Operation = std::variant<Conv2d, Pool2d, GlobalPool, Dense, Flatten, BatchNorm, LocalResponseNorm,
                               Dropout, Activate, Add, Concat, CircularPad, GroupNorm>;

/// One node of the graph, with the settings of its kind.
struct Layer : LayerNode {
  Operation operation;
};

/// The index of Layer::inputs that stands for vectors[k]; the image is -1.
constexpr int kImageIndex = -1;
constexpr int vector_index(int k) { return -2 - k; }

/// Layers in an order in which every input comes before its use; the last one is the output.
struct Network {
  SampleShape input;  ///< of the image
  std::vector<Layer> layers;
  std::vector<NamedVector> vectors = {};  ///< beside the image, in the order in which samples hold them
  std::string image_name = "input";       ///< as the configuration calls the image
  bool strict_shapes = false;             ///< windows that leave pixels over were refused

  /// Shape and name of what layer `index` puts out, or of an input of the network when it is negative.
  SampleShape shape_of(int index) const;
  const std::string& name_of(int index) const;
  std::int64_t classes() const { return layers.back().output.channels; }
};

/// Trainable and moving-average values of all layers, as Keras counts them.
std::int64_t parameter_count(const Network& network);

}  // namespace annulus::trainer
