// What is enqueued on the played streams: happens at once, or, while the stream is captured, whenever the
// graph is launched; and not at all behind work that hangs.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>

namespace annulus::test {

using Work = std::function<void()>;

void play(cudaStream_t stream, Work work);
/// Whether the stream takes part in a capture: it began it, or waited for an event of one that does.
bool captured(cudaStream_t stream);
bool any_captured();
/// The one that began. @pre any_captured()
cudaStream_t captured_stream();
/// The graph being captured holds this as long as it, or what was instantiated from it, lives.
void hold_in_graph(std::shared_ptr<void> what);
/// For work that is being played: it never ends, and nothing behind it happens, until `over` says so.
void hang(std::function<bool()> over);
/// Whether what was enqueued on the stream is still not over.
bool hangs(cudaStream_t stream);

/// What has become of graphs since the program started.
struct GraphLog {
  int launches = 0;
  int alive = 0;            ///< instantiated and not destroyed
  int instantiated = 0;     ///< all of them
  int with_priorities = 0;  ///< of which that many keep the priorities of their streams
};
const GraphLog& graph_log();

}  // namespace annulus::test
