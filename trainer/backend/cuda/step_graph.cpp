// Capture and launch.
//
// Why: a step is many short kernels, and starting one costs the host microseconds; for small networks the GPU
// would wait for them. A captured step costs one call, however many kernels it has.
//
// The price: a graph keeps every argument of every kernel as it was at the capture. Hence:
//   - addresses never change (buffers are made before, in the steps without a graph);
//   - shapes never change: one graph per number of samples in a step, so one more for the rest of an epoch;
//   - what differs from step to step (learning rate, sample numbers, labels) lies in memory of the device
//     that is filled before the launch; as an argument of a kernel it would stay that of the capture;
//   - nothing waits or allocates: neither is work on a stream, and both fail inside a capture.
// Breaking one of the first three gives no error, only steps that train on old values.
#include "trainer/backend/cuda/step_graph.hpp"

#include <utility>

#include "base/log.hpp"
#include "comm/cuda/cuda.hpp"

namespace annulus::trainer::cuda {
namespace {

struct GraphTraits {
  using type = cudaGraph_t;
  static inline const type null = nullptr;
  static void close(type graph) noexcept {
    if (cudaGraphDestroy(graph) != cudaSuccess) log_warning("CUDA could not end a captured graph");
  }
};

/// Takes the stream out of capture whatever happens: a stream left in it fails at every later call.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    // Thread-local: the loader's thread may allocate meanwhile. In the global mode such a call would fail, in
    // whatever thread.
    ANNULUS_CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  ~Capture() {
    if (stream_ == nullptr) return;
    // A spoilt capture still has to be ended; then there is no graph, and the call returns an error.
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess && graph != nullptr) GraphTraits::close(graph);
    cudaGetLastError();  // the error under way is the one to report
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  UniqueHandle<GraphTraits> end() {
    cudaGraph_t graph = nullptr;
    ANNULUS_CHECK_CUDA(cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph));
    return UniqueHandle<GraphTraits>(graph);
  }

 private:
  cudaStream_t stream_;
};

}  // namespace

void GraphExecTraits::close(type graph) noexcept {
  if (cudaGraphExecDestroy(graph) != cudaSuccess) log_warning("CUDA could not end a graph");
}

StepGraph::StepGraph(cudaStream_t stream, const std::function<void()>& enqueue_work) {
  Capture capture(stream);
  enqueue_work();
  // Only a template: what is instantiated from it is a copy, and outlives it.
  const UniqueHandle<GraphTraits> graph = capture.end();
  cudaGraphExec_t executable = nullptr;
  // Kernels keep the priority of the stream that they were captured on: those of communication go first.
  ANNULUS_CHECK_CUDA(cudaGraphInstantiate(&executable, graph.get(), cudaGraphInstantiateFlagUseNodePriority));
  graph_ = UniqueHandle<GraphExecTraits>(executable);
}

void StepGraph::launch(cudaStream_t stream) const {
  ANNULUS_CHECK_CUDA(cudaGraphLaunch(graph_.get(), stream));
}

}  // namespace annulus::trainer::cuda
