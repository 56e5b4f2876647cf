// Builds a network description layer by layer: names, shapes, paddings and parameters are filled in and every
// rule is checked here, so that the config reader, tests and importers agree on them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/model/layers/network_limits.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// What a layer may say beside its operation.
struct LayerOptions {
  Activation activation = Activation::none;  ///< conv2d and dense: applied to the output
  std::string name = {};                     ///< empty: Keras' default (conv2d, conv2d_1, ...)
  std::vector<std::string> inputs = {};  ///< earlier layers or inputs of the network; empty: previous layer
  int line = 0;                          ///< in the config, for messages; 0 = unknown
};

/// Example: NetworkBuilder({.height = 8, .width = 8, .channels = 3})
///            .conv2d({.filters = 4, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
///            .add(BatchNorm{}).flatten().dense({.units = 10}).activate(Activation::softmax).build()
/// Every call checks its layer. @throws UsageError naming source, line, layer, the broken rule and a remedy
class NetworkBuilder {
 public:
  /// The image is called "input". @param source  file or other origin, for messages
  explicit NetworkBuilder(SampleShape input, std::string source = "network");

  /// Another name for the image. @pre no layer was added
  NetworkBuilder& name_image(const std::string& name);
  /// A vector that every sample has beside its image. @pre no layer was added
  NetworkBuilder& vector_input(const NamedVector& vector);

  /// From here on a window that leaves pixels at an edge over is an error. @pre no layer was added
  NetworkBuilder& strict_shapes(bool strict = true);

  /// The next layer; it reads the one before it unless the options name others.
  NetworkBuilder& add(const Operation& operation, const LayerOptions& options = {});

  /// Short for add(), for the layers that nearly every network has.
  NetworkBuilder& conv2d(const Conv2d& conv, const LayerOptions& options = {});
  NetworkBuilder& dense(const Dense& dense, const LayerOptions& options = {});
  NetworkBuilder& flatten(const LayerOptions& options = {});
  NetworkBuilder& activate(Activation kind, const LayerOptions& options = {});

  /// The finished network. @throws UsageError when it is empty, nothing uses an input or a layer's output, or
  /// a softmax stands before the last layer: backends compute it with the loss alone
  Network build() const;

 private:
  std::vector<int> resolve_inputs(const Layer& layer, const std::vector<std::string>& names) const;
  std::string unique_name(const std::string& keras_name, const LayerOptions& options);
  void check_softmax() const;

  std::string source_;
  Network network_;
  std::map<std::string, int> index_of_;         ///< name of a layer or input -> as in Layer::inputs
  std::map<std::string, int> defaults_issued_;  ///< default name -> how often given out
};

/// What training and prediction need beyond a well-formed graph: the last layer is a softmax (the loss is
/// defined on it) over a flat vector of at least two classes.
/// @throws UsageError
void check_classifier(const Network& network, const std::string& source);

}  // namespace annulus::trainer
