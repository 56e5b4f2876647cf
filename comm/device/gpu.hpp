// GPUs of this machine, and which rank computes on which. Plain C++: without CUDA there are none, and a
// sentence why.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.hpp"
#include "comm/device/group.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {

/// A GPU that this process may use.
struct Gpu {
  int index = 0;             ///< CUDA's, within CUDA_VISIBLE_DEVICES
  std::string name;          ///< "NVIDIA H200"
  std::string uuid;          ///< "GPU-5fd4f8b2-...", as nvidia-smi shows it
  std::string architecture;  ///< compute capability, "9.0"
  std::size_t memory = 0;    ///< bytes in all
};

struct GpuInventory {
  std::vector<Gpu> gpus;
  std::string missing;  ///< why there are none: a sentence with what to install or set; else empty
};

/// Whether this program was built with CUDA.
bool built_with_cuda();

/// What CUDA offers to this process; looks at the driver, the libraries' versions and CUDA_VISIBLE_DEVICES.
/// Computes nothing and takes no memory on a GPU.
GpuInventory find_gpus();

/// What to do when two ranks would compute on one GPU.
enum class GpuSharing { refuse, allow };

/// A rank's device and its way to the others.
struct GpuClaim {
  Gpu gpu;
  Transport transport = Transport::nccl;
};

/// Which GPU of `visible` ones: the rank's number on its host, round and round when there are fewer GPUs than
/// ranks. A launcher that gives every rank a GPU of its own shows it one only, which is then taken.
/// @pre visible > 0
int default_gpu(int local_rank, int visible);

/// What a rank tells the others about its choice.
struct RankGpu {
  std::string host;
  std::string uuid;
  int index = 0;
};

/// How the ranks reach each other, given everybody's choice.
/// @throws UsageError naming host, GPU and both ranks when two share a GPU and `sharing` refuses that
Transport choose_transport(std::span<const RankGpu> ranks, GpuSharing sharing);

/// Where a rank stands.
struct RankPlace {
  std::string host;
  int local_rank = 0;  ///< see local_rank() of comm/ranks/launcher.hpp
};

/// Chooses a GPU for this rank, makes it the device of this thread, and agrees with the others. Collective:
/// every rank calls it, with GPUs or without.
/// @throws UsageError, on every rank, when a rank has no GPU (with what to install or set) or shares one
GpuClaim claim_gpu(ProcessGroup& group, const GpuInventory& inventory, const RankPlace& place,
                   GpuSharing sharing);

/// Whether every rank sees a GPU: what `auto` asks. Collective.
bool every_rank_has_gpu(ProcessGroup& group, const GpuInventory& inventory);

/// Makes a GPU the device of the calling thread, after looking whether the program has code for it. (Threads
/// start with device 0: each thread that calls CUDA does this.)
/// @throws UsageError when this program cannot run on it, with what to do
void use_gpu(const Gpu& gpu);

/// "driver 13.0, runtime 13.0, cuDNN 9.19.0, cuBLASLt 13.1.0, NCCL 2.28.9"; or that this build has no CUDA.
std::string describe_gpu_libraries();

/// Pairs of GPUs of this process that cannot reach each other's memory directly, as text; empty when all can.
std::string missing_peer_access(const GpuInventory& inventory);

}  // namespace annulus::comm

template <>
struct annulus::EnumWords<annulus::comm::GpuSharing> {
  static constexpr std::array kWords{"refuse", "allow"};
};
