// A trained network as an ONNX model: images as they are stored go in, probabilities come out.
//
// In: layers with their weights, and the normalisation of pixels.
// Out: the bytes of a model of opset 13, IR version 7, which ONNX Runtime 1.8 and newer take.
// Invariant: it computes what `annulus predict` does. Batch norms are folded into the layer before them, or
// are a factor and a summand; dropout is left out; all padding is explicit.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/export/trained_network.hpp"

namespace annulus::trainer {

struct OnnxOptions {
  io::PixelType input = io::PixelType::float32;             ///< of the image input
  io::PixelLayout layout = io::PixelLayout::channels_last;  ///< of the image input
  std::int64_t batch = 0;                                   ///< samples a call; 0 = any number
  std::string version = {};                                 ///< of this program
};

constexpr std::int64_t kOnnxOpset = 13;

/// The image input has the network's name for it ("input"), vectors theirs; the output is `probabilities`,
/// (N, classes). @throws UsageError for a model above 2 GB, which protobuf cannot hold
std::string onnx_model(const TrainedNetwork& model, const OnnxOptions& options);

}  // namespace annulus::trainer
