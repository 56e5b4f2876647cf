// One convolution of fixed shape in its three directions: which algorithm of cuDNN runs each, tried out once
// when it is planned. Where cuDNN has no deterministic algorithm for a shape, groups run one by one; where it
// has none for a group either, our own plain kernel runs it, and the log says so.
#pragma once

#include <memory>
#include <string>

#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/instances.hpp"
#include "trainer/backend/cuda/steps/kernel_account.hpp"
#include "trainer/backend/cuda/steps/libraries.hpp"
#include "trainer/backend/cuda/steps/plan_choice.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer::cuda {

enum class Directions { forward, forward_and_backward_of_kernel, all };

class ConvolutionPlan {
 public:
  struct Options {
    ConvolutionShape shape;  ///< padding is the same on both sides
    Directions directions = Directions::all;
    bool bias = true;
    Activation activation = Activation::none;  ///< any but softmax
    std::string name;                          ///< for messages
    bool one_group = false;                    ///< of a larger convolution, whose plan speaks for it
  };
  ConvolutionPlan(Libraries& libraries, const Options& options);

  /// Bytes that the calls below want to work in.
  std::size_t forward_workspace() const { return forward_.workspace; }
  std::size_t data_workspace() const { return data_.workspace; }
  std::size_t kernel_workspace() const { return kernel_.workspace; }

  /// How it runs: convolution_run.cpp.
  ConvolutionRun describe_run() const;

  /// Tensors in device memory; kernel, bias and their gradients have the element type of activations.
  struct Forward {
    const void* x;
    const void* kernel;
    const void* bias;  ///< null without
    void* y;
    void* workspace;
  };
  /// Enqueues y = activation(conv(x) + bias).
  void forward(const Forward& tensors, cudaStream_t stream) const;

  struct Data {
    const void* dy;
    const void* kernel;
    void* dx;
    void* workspace;
  };
  void backward_data(const Data& tensors, cudaStream_t stream) const;

  struct Kernel {
    const void* x;
    const void* dy;
    void* dkernel;  ///< overwritten
    void* workspace;
  };
  void backward_kernel(const Kernel& tensors, cudaStream_t stream) const;

 private:
  /// How one direction runs.
  template <class Algorithm>
  struct Choice {
    Runner runner = Runner::own;
    Algorithm algorithm{};
    cudnnMathType_t math{};
    std::size_t workspace = 0;
  };

  void describe_tensors();
  void describe_convolution();
  cudnnConvolutionDescriptor_t convolution(cudnnMathType_t math) const;
  cudnnMathType_t wanted_math() const;
  void set_activation(NanInRelu nan) const;
  void choose_forward();
  void choose_fused();
  void choose_data();
  void choose_kernel();
  Forward trial_tensors(std::size_t workspace) const;
  template <class Algorithm, class Perf, class WorkspaceOf, class Run>
  Choice<Algorithm> choose(std::span<const Perf> results, std::span<const Algorithm> known,
                           const WorkspaceOf& workspace_of, const Run& run) const;
  template <class Algorithm>
  void settle(const char* direction, Choice<Algorithm> ConvolutionPlan::*direction_of);
  const ConvolutionPlan& plan_of_group();

  /// Copies that a group runs on, at the beginning of the workspace; its own workspace comes behind them.
  struct Pieces {
    std::byte *x, *y, *kernel, *workspace;
  };
  struct PieceOffsets {
    std::size_t y = 0, kernel = 0, workspace = 0;  ///< bytes; x comes first
  };
  PieceOffsets piece_offsets() const;
  Pieces pieces(void* workspace) const;
  std::size_t kernel_bytes_of_group() const;
  bool kernel_slices_aligned() const;
  enum class Copy { out_of_whole, into_whole };
  void copy_channels(Copy way, void* whole, void* piece, std::int32_t group, bool of_input,
                     cudaStream_t stream) const;
  const void* kernel_of(const void* kernel, std::int32_t group, const Pieces& at, cudaStream_t stream) const;
  void forward_by_group(const Forward& tensors, cudaStream_t stream) const;
  void data_by_group(const Data& tensors, cudaStream_t stream) const;
  void kernel_by_group(const Kernel& tensors, cudaStream_t stream) const;

  cudnnStatus_t run_fused(const Choice<cudnnConvolutionFwdAlgo_t>& choice, const Forward& tensors,
                          cudaStream_t stream) const;
  cudnnStatus_t run_forward(const Choice<cudnnConvolutionFwdAlgo_t>& choice, const Forward& tensors,
                            cudaStream_t stream) const;
  cudnnStatus_t run_data(const Choice<cudnnConvolutionBwdDataAlgo_t>& choice, const Data& tensors,
                         cudaStream_t stream) const;
  cudnnStatus_t run_kernel(const Choice<cudnnConvolutionBwdFilterAlgo_t>& choice, const Kernel& tensors,
                           cudaStream_t stream) const;

  Libraries& libraries_;
  Options options_;
  ElementInstance elements_;   // of our own kernels
  PackInstance output_packs_;  // along the channels of y
  TensorHandle x_, y_, bias_;
  FilterHandle filter_;
  ConvolutionHandle convolution_;
  ActivationHandle activation_;
  Choice<cudnnConvolutionFwdAlgo_t> forward_;
  Choice<cudnnConvolutionBwdDataAlgo_t> data_;
  Choice<cudnnConvolutionBwdFilterAlgo_t> kernel_;
  std::unique_ptr<ConvolutionPlan> group_;  // of one group, where groups run one by one
};

}  // namespace annulus::trainer::cuda
