// An exported model is tried in ONNX Runtime before anybody gets to see it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace annulus::trainer {

/// Files that belong together.
struct OnnxTrial {
  std::string model;
  std::vector<std::pair<std::string, std::string>> inputs;  ///< name of the input -> .npy file
  std::string expected;                                     ///< .npy file of probabilities
};

struct OnnxVerdict {
  bool checked = false;  ///< false: Python or its package onnxruntime is not installed
  std::string version;   ///< of ONNX Runtime
  double largest = 0;    ///< difference of a probability
};

/// Most that a probability may differ by. Sums in another order make 1e-6.
constexpr double kOnnxTolerance = 1e-5;

/// Runs `python` with onnxruntime on the CPU. @throws RuntimeError when it does not take the model, or
/// computes something else
OnnxVerdict try_onnx(const OnnxTrial& trial, const std::string& python);

}  // namespace annulus::trainer
