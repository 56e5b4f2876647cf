// Builds a network description layer by layer: names, shapes, paddings and parameters are filled in and every
// rule is checked here, so that the config reader, tests and importers agree on them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// How the zeros around an image are found.
enum class PaddingMode {
  given,  ///< the numbers in the operation; all zero is Keras' "valid"
  same,   ///< as Keras: output = ceil(input / stride), the odd pixel at the bottom and right
};

/// What a layer may say beside its operation.
struct LayerOptions {
  PaddingMode padding = PaddingMode::given;  ///< conv2d and pools
  Activation activation = Activation::none;  ///< conv2d and dense: applied to the output
  std::string name = {};                     ///< empty: Keras' default (conv2d, conv2d_1, ...)
  std::vector<std::string> inputs = {};  ///< earlier layers or inputs of the network; empty: previous layer
  int line = 0;                          ///< in the config, for messages; 0 = unknown
};

/// Most layers and sizes that a description may have; far above any real network, low enough that no product
/// of them overflows 64 bits.
struct NetworkLimits {
  static constexpr int kLayers = 1000;
  static constexpr std::int64_t kImageSide = std::int64_t{1} << 15;
  static constexpr std::int64_t kChannels = std::int64_t{1} << 20;
  static constexpr std::int64_t kKernelSide = 1024;
  static constexpr std::int64_t kActivations = std::int64_t{1} << 34;  ///< values a layer puts out per sample
  static constexpr std::int64_t kParameters = std::int64_t{1} << 36;   ///< values of one layer
};

/// Example: NetworkBuilder({.height = 8, .width = 8, .channels = 3})
///            .conv2d({.filters = 4, .kernel = {3, 3}}, {.padding = PaddingMode::same})
///            .flatten().dense({.units = 10}).activate(Activation::softmax).build()
/// Every call checks its layer. @throws UsageError naming source, line, layer, the broken rule and a remedy
class NetworkBuilder {
 public:
  /// The image is called "input". @param source  file or other origin, for messages
  explicit NetworkBuilder(SampleShape input, std::string source = "network");

  /// Another name for the image. @pre no layer was added
  NetworkBuilder& name_image(const std::string& name);
  /// A vector that every sample has beside its image. @pre no layer was added
  NetworkBuilder& vector_input(const NamedVector& vector);

  NetworkBuilder& conv2d(const Conv2d& conv, const LayerOptions& options = {});
  NetworkBuilder& max_pool(Size2 size, Size2 stride, const LayerOptions& options = {});
  NetworkBuilder& average_pool(Size2 size, Size2 stride, const LayerOptions& options = {});
  NetworkBuilder& pool2d(const Pool2d& pool, const LayerOptions& options = {});
  NetworkBuilder& global_pool(PoolKind kind, const LayerOptions& options = {});
  NetworkBuilder& dense(const Dense& dense, const LayerOptions& options = {});
  NetworkBuilder& flatten(const LayerOptions& options = {});
  NetworkBuilder& batch_norm(const BatchNorm& norm = {}, const LayerOptions& options = {});
  NetworkBuilder& local_response_norm(const LocalResponseNorm& norm = {}, const LayerOptions& options = {});
  NetworkBuilder& dropout(float rate, const LayerOptions& options = {});
  NetworkBuilder& activate(Activation kind, const LayerOptions& options = {});
  NetworkBuilder& residual_add(const LayerOptions& options);  ///< `options.inputs` names what is summed
  NetworkBuilder& concat(const LayerOptions& options);        ///< `options.inputs` names what is joined
  NetworkBuilder& circular_pad(const CircularPad& pad, const LayerOptions& options = {});

  /// Any operation; the calls above are short for this.
  NetworkBuilder& add(const Operation& operation, const LayerOptions& options = {});

  /// The finished network. @throws UsageError when it is empty, or nothing uses an input or a layer's output
  Network build() const;

 private:
  std::vector<int> resolve_inputs(const Layer& layer, const std::vector<std::string>& names) const;
  std::string unique_name(const Operation& operation, const LayerOptions& options);

  std::string source_;
  Network network_;
  std::map<std::string, int> index_of_;         ///< name of a layer or input -> as in Layer::inputs
  std::map<std::string, int> defaults_issued_;  ///< default name -> how often given out
};

/// What training and prediction need beyond a well-formed graph: the last layer is a softmax (the loss is
/// defined on it) over a flat vector of at least two classes, and softmax appears nowhere else.
/// @throws UsageError
void check_classifier(const Network& network, const std::string& source);

}  // namespace annulus::trainer
