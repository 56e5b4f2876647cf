// See fake_nccl.hpp.
#include "tests/cuda_emulation/fake_nccl.hpp"

#include <nccl.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cuda_emulation/fake_streams.hpp"

namespace {

bool peers_lost = false;
bool start_fails = false;
std::string last_word;

struct Comm {
  int rank = 0, ranks = 1;
  std::atomic<int> graphs = 0;  // that hold a transfer
  std::atomic<bool> aborted = false;
};

struct Message {
  float* data;
  std::size_t count;
  int peer;
  bool sent;
};
thread_local int depth = 0;
thread_local std::vector<Message> messages;
thread_local std::shared_ptr<Comm> group;
thread_local cudaStream_t group_stream = nullptr;

/// A transfer: in a graph as long as that lives, with others only if they are there.
void enqueue(const std::shared_ptr<Comm>& comm, cudaStream_t stream, annulus::test::Work work) {
  if (annulus::test::captured(stream)) {
    ++comm->graphs;
    annulus::test::hold_in_graph(std::shared_ptr<void>(nullptr, [comm](void*) { --comm->graphs; }));
  }
  annulus::test::play(stream, [comm, work = std::move(work)] {
    if (peers_lost && comm->ranks > 1) return annulus::test::hang([comm] { return comm->aborted.load(); });
    work();
  });
}

/// What a rank sends to itself it receives in order; from others come zeros.
void exchange(const std::vector<Message>& all, int rank) {
  std::vector<Message> own;
  for (const Message& message : all)
    if (message.sent && message.peer == rank) own.push_back(message);
  std::size_t next = 0;
  for (const Message& message : all) {
    if (message.sent) continue;
    if (message.peer == rank)
      std::memcpy(message.data, own.at(next++).data, message.count * sizeof(float));
    else
      std::memset(message.data, 0, message.count * sizeof(float));
  }
}

}  // namespace

/// What a handle stands for.
struct ncclComm {
  std::shared_ptr<Comm> state;
  int pending = 1;  // times that it says it is not ready yet
};

namespace annulus::test {

PretendLostPeers::PretendLostPeers() { peers_lost = true; }
PretendLostPeers::~PretendLostPeers() { peers_lost = false; }
PretendFailedStart::PretendFailedStart(const std::string& word) {
  start_fails = true;
  last_word = word;
}
PretendFailedStart::~PretendFailedStart() {
  start_fails = false;
  last_word.clear();
}
NcclLog& nccl_log() {
  static NcclLog log;
  return log;
}

}  // namespace annulus::test

using annulus::test::nccl_log;

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  std::memset(id, 1, sizeof *id);
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t) { return "an error"; }
const char* ncclGetLastError(ncclComm_t) { return last_word.c_str(); }

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId, int rank,
                                    ncclConfig_t* config) {
  *comm = nullptr;
  if (start_fails) return ncclUnhandledCudaError;
  if (config->blocking != 0) return ncclInvalidArgument;
  *comm = new ncclComm{std::make_shared<Comm>()};
  (*comm)->state->rank = rank;
  (*comm)->state->ranks = ranks;
  return ncclInProgress;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  *state = comm->pending > 0 ? ncclInProgress : ncclSuccess;
  if (comm->pending > 0) --comm->pending;
  return ncclSuccess;
}
ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  comm->pending = 1;
  return ncclInProgress;
}
ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm->state->graphs > 0) return ncclInvalidUsage;  // a real one waits for them
  delete comm;
  ++nccl_log().ended;
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (depth > 0) return ncclInvalidUsage;  // of the calling thread's group, nothing would happen
  ++nccl_log().aborts_begun;
  const std::shared_ptr<Comm> state = comm->state;
  state->aborted = true;
  constexpr int kPatience = 20'000;  // a real one has no end of it
  for (int ms = 0; state->graphs > 0 && ms < kPatience; ++ms)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ++(state->graphs > 0 ? nccl_log().aborts_stuck : nccl_log().aborts_over);
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (--depth > 0 || messages.empty()) return ncclSuccess;
  const std::shared_ptr<Comm> comm = std::exchange(group, nullptr);
  enqueue(comm, group_stream,
          [all = std::exchange(messages, {}), rank = comm->rank] { exchange(all, rank); });
  return ncclInProgress;
}
ncclResult_t ncclSend(const void* data, std::size_t count, ncclDataType_t, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  if (depth == 0) return ncclInvalidUsage;
  group = comm->state;
  group_stream = stream;
  comm->pending = 1;
  messages.push_back({const_cast<float*>(static_cast<const float*>(data)), count, peer, true});
  return ncclSuccess;
}
ncclResult_t ncclRecv(void* data, std::size_t count, ncclDataType_t, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  if (depth == 0) return ncclInvalidUsage;
  group = comm->state;
  group_stream = stream;
  comm->pending = 1;
  messages.push_back({static_cast<float*>(data), count, peer, false});
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t, ncclRedOp_t,
                           ncclComm_t comm, cudaStream_t stream) {
  if (from != to) return ncclInvalidArgument;  // not used
  comm->pending = 1;
  if (comm->state->ranks == 1 || count == 0) return ncclSuccess;
  enqueue(comm->state, stream, [] {});  // the others add zeros
  return ncclInProgress;
}

}  // extern "C"
