// The reducer's work on a GPU, by CUDA.
#pragma once

#include <memory>

#include "comm/device/work.hpp"

namespace annulus::comm {

/// Work on the current device, with a communication stream of its own that goes before others of lower
/// priority.
std::unique_ptr<DeviceWork> make_cuda_work();

}  // namespace annulus::comm
