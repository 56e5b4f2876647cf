// Pinned memory, events of streams that run at once (everything has always happened), and captured graphs.
#include "tests/cuda_emulation/fake_streams.hpp"

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tests/cuda_emulation/fake_cuda.hpp"

namespace annulus::test {
namespace {

using Over = std::function<bool()>;

struct Recorded {
  std::vector<Work> works;
  std::vector<std::shared_ptr<void>> held;
};
struct Branch {
  std::size_t works = 0;
  std::size_t joined = 0;  // works that the first stream waits for
};
struct Capture {
  cudaStream_t origin;
  std::shared_ptr<Recorded> graph;
  std::map<cudaStream_t, Branch> branches;
};
struct Mark {
  cudaStream_t stream;
  std::size_t works;
};

std::optional<Capture> capture;
std::map<cudaEvent_t, Mark> marks;         // events recorded in the capture
std::map<cudaStream_t, Over> stuck;        // streams behind work that hangs
std::map<cudaEvent_t, Over> stuck_events;  // recorded on such streams
Over* playing = nullptr;                   // where the work being played says that it hangs
GraphLog graphs;

/// Runs it. @return what it hangs on, empty when it is over
Over run(const Work& work) {
  Over over;
  Over* const outer = std::exchange(playing, &over);
  work();
  playing = outer;
  return over;
}

}  // namespace

void play(cudaStream_t stream, Work work) {
  if (captured(stream)) {
    capture->graph->works.push_back(std::move(work));
    ++capture->branches[stream].works;
  } else if (!hangs(stream)) {
    if (Over over = run(work)) stuck[stream] = std::move(over);
  }
}

bool captured(cudaStream_t stream) { return capture && capture->branches.contains(stream); }
bool any_captured() { return capture.has_value(); }
cudaStream_t captured_stream() { return capture->origin; }
void hold_in_graph(std::shared_ptr<void> what) { capture->graph->held.push_back(std::move(what)); }
void hang(std::function<bool()> over) { *playing = std::move(over); }

bool hangs(cudaStream_t stream) {
  const auto found = stuck.find(stream);
  if (found == stuck.end()) return false;
  if (!found->second()) return true;
  stuck.erase(found);
  return false;
}

const GraphLog& graph_log() { return graphs; }

}  // namespace annulus::test

using namespace annulus::test;

struct CUgraph_st {
  std::shared_ptr<Recorded> recorded;
};
struct CUgraphExec_st {
  std::shared_ptr<Recorded> recorded;
};

namespace annulus::test {
namespace {
std::map<const std::byte*, std::size_t> pinned;  // sizes of what is allocated
}
bool is_pinned(const void* data) {
  const auto* const at = static_cast<const std::byte*>(data);
  const auto next = pinned.upper_bound(at);
  if (next == pinned.begin()) return false;
  const auto& [begin, size] = *std::prev(next);
  return at < begin + size;
}
}  // namespace annulus::test

extern "C" {

cudaError_t cudaMallocHost(void** data, std::size_t size) {
  if (pretends_capture()) return cudaErrorStreamCaptureUnsupported;
  *data = std::aligned_alloc(256, (size + 255) / 256 * 256);
  std::memset(*data, 0xFF, size);
  annulus::test::pinned[static_cast<std::byte*>(*data)] = size;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
  annulus::test::pinned.erase(static_cast<std::byte*>(data));
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  *stream = reinterpret_cast<cudaStream_t>(std::malloc(1));
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  stuck.erase(stream);
  std::free(stream);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = *greatest = 0;
  return cudaSuccess;
}
/// A real one waits for what hangs: this one fails instead, so that a test ends.
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  ++annulus::test::host_traffic().waits;
  if (hangs(stream)) return cudaErrorLaunchTimeout;
  return pretends_capture() ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return hangs(stream) ? cudaErrorNotReady : cudaSuccess; }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(std::malloc(1));
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  marks.erase(event);
  stuck_events.erase(event);
  std::free(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  marks.erase(event);
  stuck_events.erase(event);
  if (captured(stream)) marks[event] = {stream, capture->branches[stream].works};
  if (hangs(stream)) stuck_events[event] = stuck[stream];
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const auto found = stuck_events.find(event);
  return found != stuck_events.end() && !found->second() ? cudaErrorNotReady : cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return cudaEventQuery(event) == cudaSuccess ? cudaSuccess : cudaErrorLaunchTimeout;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (const auto mark = marks.find(event); mark != marks.end()) {
    capture->branches[stream];  // it takes part from now on
    if (stream == capture->origin) capture->branches[mark->second.stream].joined = mark->second.works;
  }
  if (const auto found = stuck_events.find(event); found != stuck_events.end() && !found->second())
    stuck[stream] = found->second;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (capture) return cudaErrorIllegalState;
  capture = Capture{stream, std::make_shared<Recorded>(), {{stream, {}}}};
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!capture || capture->origin != stream) return cudaErrorIllegalState;
  const Capture ended = *std::exchange(capture, std::nullopt);
  marks.clear();
  for (const auto& [branch, state] : ended.branches)
    if (branch != ended.origin && state.joined < state.works) return cudaErrorStreamCaptureUnjoined;
  *graph = new CUgraph_st{ended.graph};
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  *executable = new CUgraphExec_st{graph->recorded};
  ++graphs.alive;
  ++graphs.instantiated;
  if ((flags & cudaGraphInstantiateFlagUseNodePriority) != 0) ++graphs.with_priorities;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  ++graphs.launches;
  for (const Work& work : executable->recorded->works) play(stream, work);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  --graphs.alive;
  delete executable;
  return cudaSuccess;
}

}  // extern "C"
