// Which way the layers of a program run: what a user wants to know of cuDNN's and cuBLASLt's choices, since a
// choice that is missing costs time and nothing else shows it.
#pragma once

#include <string>
#include <vector>

#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/backend/cuda/steps/gemm_plan.hpp"

namespace annulus::trainer::cuda {

/// How one convolution runs.
struct ConvolutionRun {
  enum class Way {
    fused,    ///< one call of cuDNN, with bias and activation as far as there are any
    unfused,  ///< our own pass over the result adds them
    plain     ///< our own kernel, slow
  };
  Way forward = Way::plain;
  int gradients = 0;        ///< directions of backward: of the kernel, and of the input where it is wanted
  int plain_gradients = 0;  ///< of them by our own kernel
  std::string choices;      ///< "forward 1 fused, kernel 1": algorithms by cuDNN's numbers
};

class KernelAccount {
 public:
  void add(const std::string& layer, const ConvolutionRun& run);
  /// @param wished  what was asked of cuBLASLt for the forward product   @param had  what it gives
  void add(const std::string& layer, Epilogue wished, Epilogue had);

  /// {"convolutions": {"fused", "unfused", "plain"}, "convolution_gradients": {"cudnn", "plain"},
  /// "dense": {"bias_relu", "bias", "relu", "none", "refused"}}
  KernelCounts counts() const;
  /// "13 convolutions forward: 13 fused, ...": for the log.
  std::string text() const;
  /// The choices, a line per layer: two GPUs with the same ones compute alike.
  const std::string& choices() const { return choices_; }

 private:
  int fused_ = 0, unfused_ = 0, plain_ = 0;
  int gradients_ = 0, plain_gradients_ = 0;
  int bias_relu_ = 0, bias_ = 0, relu_ = 0, none_ = 0, refused_ = 0;
  std::string choices_;
};

}  // namespace annulus::trainer::cuda
