// A communicator that never blocks the host: every call returns at once and is looked after until NCCL has
// accepted it, so that a rank that is gone costs the others their limit and not forever.
//
// Ending is the exception. ncclCommAbort first tells all kernels to end, then waits, whatever the
// configuration says about blocking, until the last graph that captured one of its transfers is destroyed
// (init.cc: commDestroySync). Called in the midst of a capture or of an open exchange it could not even
// start: both belong to the calling thread. So it gets a thread of its own (comm/device/end_transfers.hpp).
#include "comm/cuda/nccl_link.hpp"

#include <nccl.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/cuda/cuda.hpp"
#include "comm/cuda/out_of_device_memory.hpp"
#include "comm/device/end_transfers.hpp"

namespace annulus::comm {
namespace {

std::string version_text(int code) {
  return fmt::format("{}.{}.{}", code / 10000, code % 10000 / 100, code % 100);
}

int version_found() {
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess)
    throw RuntimeError("NCCL does not tell its version: reinstall it.");
  return version;
}

/// Newer libraries serve programs built with an older one of the same major version, and ranks must agree.
void expect_versions(ProcessGroup& host) {
  const int mine = version_found();
  if (mine / 10000 != NCCL_MAJOR || mine < NCCL_VERSION_CODE)
    throw UsageError(
        "This program was built with NCCL {}, but found the library of NCCL {}, which is too old or too new for it. Install NCCL {} or a newer {}.x, or take the other one out of LD_LIBRARY_PATH.",
        version_text(NCCL_VERSION_CODE), version_text(mine), version_text(NCCL_VERSION_CODE), NCCL_MAJOR);
  std::vector<int> all(static_cast<std::size_t>(host.size()));
  host.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                  "versions of NCCL");
  const auto other = std::ranges::find_if(all, [&](int version) { return version != all[0]; });
  if (other != all.end())
    throw UsageError(
        "Rank 0 found NCCL {}, but rank {} found NCCL {}: ranks with different versions do not understand each other. Install the same version on every host, and look at LD_LIBRARY_PATH there.",
        version_text(all[0]), other - all.begin(), version_text(*other));
}

/// NCCL has no code for it, only for a failed call of CUDA; the last of its warnings may say more.
bool is_want_of_memory(ncclResult_t code, const std::string& words) {
  if (code != ncclUnhandledCudaError) return false;
  for (const char* const said : {"out of memory", "Failed to CUDA malloc", "Failed to CUDA calloc"})
    if (words.find(said) != words.npos) return true;
  return no_device_memory();
}

class NcclLink final : public DeviceLink {
 public:
  NcclLink(ProcessGroup& host, DeviceStream stream);
  ~NcclLink() override;
  NcclLink(const NcclLink&) = delete;
  NcclLink& operator=(const NcclLink&) = delete;

  void open() override { check(ncclGroupStart(), "start of an exchange"); }
  void send(const float* data, std::size_t count, int peer) override {
    check(ncclSend(data, count, ncclFloat32, peer, handle_, stream_), "ncclSend");
  }
  void receive(float* data, std::size_t count, int peer) override {
    check(ncclRecv(data, count, ncclFloat32, peer, handle_, stream_), "ncclRecv");
  }
  void close(std::string_view purpose) override {
    check(ncclGroupEnd(), purpose);
    settle(purpose);
  }
  void all_reduce_sum(float* data, std::size_t count, std::string_view purpose) override {
    check(ncclAllReduce(data, data, count, ncclFloat32, ncclSum, handle_, stream_), purpose);
    settle(purpose);
  }
  void poll(std::string_view purpose) override { check(state(), purpose); }
  void abort() noexcept override;

 private:
  ncclResult_t state();
  void check(ncclResult_t code, std::string_view purpose);
  void settle(std::string_view purpose);
  [[noreturn]] void fail(ncclResult_t code, std::string_view purpose);
  bool finalize() noexcept;

  ProcessGroup& host_;
  DeviceStream stream_;
  int device_ = 0;
  ncclComm_t handle_ = nullptr;  ///< none after abort()
};

NcclLink::NcclLink(ProcessGroup& host, DeviceStream stream) : host_(host), stream_(stream) {
  expect_versions(host);
  ANNULUS_CHECK_CUDA(cudaGetDevice(&device_));
  ncclUniqueId id{};
  if (host.rank() == 0) check(ncclGetUniqueId(&id), "id of NCCL's communicator");
  host.broadcast(std::as_writable_bytes(std::span(&id, 1)), 0, "id of NCCL's communicator");
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  constexpr auto kPurpose = "start of NCCL's communicator";
  check(ncclCommInitRankConfig(&handle_, host.size(), id, host.rank(), &config), kPurpose);
  settle(kPurpose);
}

/// Not while an exception is on its way: the others may never come to the end of the communicator.
NcclLink::~NcclLink() {
  if (handle_ == nullptr) return;
  if (std::uncaught_exceptions() > 0 || !finalize()) {
    abort();
    return;
  }
  const ncclResult_t code = ncclCommDestroy(handle_);
  if (code != ncclSuccess && code != ncclInProgress) log_warning("NCCL could not free its communicator");
}

/// Waits a moment for the others. @return whether all have come
bool NcclLink::finalize() noexcept {
  constexpr std::chrono::seconds kPatience{10};
  const ncclResult_t code = ncclCommFinalize(handle_);
  if (code != ncclSuccess && code != ncclInProgress) return false;
  const auto start = std::chrono::steady_clock::now();
  ncclResult_t now = ncclInProgress;
  while (ncclCommGetAsyncError(handle_, &now) == ncclSuccess && now == ncclInProgress &&
         std::chrono::steady_clock::now() - start < kPatience)
    std::this_thread::yield();
  return now == ncclSuccess;
}

ncclResult_t NcclLink::state() {
  if (handle_ == nullptr)
    throw PeerError("rank {} of {}: the transfers were ended.", host_.rank(), host_.size());
  ncclResult_t now = ncclSuccess;
  const ncclResult_t code = ncclCommGetAsyncError(handle_, &now);
  return code == ncclSuccess ? now : code;
}

void NcclLink::check(ncclResult_t code, std::string_view purpose) {
  if (code != ncclSuccess && code != ncclInProgress) fail(code, purpose);
}

/// Until NCCL has taken over what was asked for: only then may the stream be used for anything else.
void NcclLink::settle(std::string_view purpose) {
  const auto start = std::chrono::steady_clock::now();
  for (ncclResult_t now = state(); now != ncclSuccess; now = state()) {
    check(now, purpose);
    std::this_thread::yield();
    if (std::chrono::steady_clock::now() - start < host_.limit()) continue;
    abort();
    throw late_peers(host_, purpose);
  }
}

void NcclLink::fail(ncclResult_t code, std::string_view purpose) {
  const std::string words = fmt::format("{} ({})", ncclGetErrorString(code), ncclGetLastError(handle_));
  abort();
  if (is_want_of_memory(code, words)) throw OutOfDeviceMemory("NCCL", words);
  if (code == ncclRemoteError || code == ncclSystemError)
    throw PeerError(
        "rank {} of {}: NCCL lost another rank at '{}': {}. All transfers between GPUs were ended, and this rank cannot go on. Look for the first error in logs/rank-*.log of the run directory; NCCL_DEBUG=WARN says more.",
        host_.rank(), host_.size(), purpose, words);
  throw RuntimeError(
      "rank {} of {}: NCCL failed at '{}': {}. All transfers between GPUs were ended. Start with NCCL_DEBUG=WARN to see why; 'annulus doctor' shows versions and GPUs.",
      host_.rank(), host_.size(), purpose, words);
}

/// The thread may outlive this link: it owns what it needs.
void NcclLink::abort() noexcept {
  if (handle_ == nullptr) return;
  const auto end = [handle = std::exchange(handle_, nullptr), device = device_] {
    cudaSetDevice(device);  // threads start with device 0, and NCCL goes back to that of its caller
    const ncclResult_t code = ncclCommAbort(handle);
    if (code != ncclSuccess && code != ncclInProgress) log_warning("NCCL could not end its transfers");
  };
  if (!end_transfers(end, give_up_graphs()))
    log_warning(
        "rank {} of {}: NCCL has not ended its transfers after {:.0f} s and is left alone with that. This rank goes on to say what went wrong; if its process does not end, kill it.",
        host_.rank(), host_.size(), kSecondsForEnd);
}

}  // namespace

std::unique_ptr<DeviceLink> make_nccl_link(ProcessGroup& host, DeviceStream stream) {
  return std::make_unique<NcclLink>(host, stream);
}

std::string nccl_version() { return version_text(version_found()); }

}  // namespace annulus::comm
