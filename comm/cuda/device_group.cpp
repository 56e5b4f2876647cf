// Puts a rank's GPU and its link together.
#include "comm/device/group.hpp"

#include "comm/cuda/cuda_work.hpp"
#include "comm/cuda/nccl_link.hpp"

namespace annulus::comm {

std::unique_ptr<DeviceGroup> make_device_group(ProcessGroup& host, Transport transport) {
  auto work = make_cuda_work();
  std::unique_ptr<DeviceLink> link;
  if (host.size() > 1 && transport == Transport::nccl) link = make_nccl_link(host, work->stream());
  return std::make_unique<DeviceGroup>(host, std::move(work), std::move(link));
}

}  // namespace annulus::comm
