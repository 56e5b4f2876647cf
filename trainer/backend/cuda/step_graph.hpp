// A sequence of enqueued work as one CUDA graph: captured once, then launched with a single call.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "base/unique_handle.hpp"

namespace annulus::trainer::cuda {

struct GraphExecTraits {
  using type = cudaGraphExec_t;
  static inline const type null = nullptr;
  static void close(type graph) noexcept;
};

class StepGraph {
 public:
  /// Captures what `enqueue_work` enqueues on `stream`, and on streams that it orders after and before it by
  /// events. Nothing runs. `enqueue_work` neither allocates nor waits.
  /// @throws RuntimeError; what enqueue_work throws, with the stream out of capture again
  StepGraph(cudaStream_t stream, const std::function<void()>& enqueue_work);

  /// Enqueues the work once.
  void launch(cudaStream_t stream) const;

 private:
  UniqueHandle<GraphExecTraits> graph_;
};

}  // namespace annulus::trainer::cuda
