// Device memory that travels by NCCL. Private to comm.
#pragma once

#include <memory>
#include <string>

#include "comm/device/group.hpp"

namespace annulus::comm {

/// A communicator over the ranks of `host`, for the current device; everything is enqueued on `stream`.
/// Collective: the id of the communicator is broadcast through `host`, every wait has its limit.
/// A rank alone may have one, too: tests do.
/// @pre no two ranks have the same GPU
/// @throws UsageError when NCCL's versions do not fit, PeerError when ranks do not come, OutOfDeviceMemory
std::unique_ptr<DeviceLink> make_nccl_link(ProcessGroup& host, DeviceStream stream);

/// Version of the library found at run time, "2.28.9".
std::string nccl_version();

}  // namespace annulus::comm
