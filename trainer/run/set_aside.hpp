// Names for what a run leaves behind when it goes on from an earlier step: nothing is overwritten.
#pragma once

#include <filesystem>

namespace annulus::trainer {

/// PATH.set-aside; where that is taken, PATH.set-aside-2, -3 and so on.
std::filesystem::path set_aside_name(const std::filesystem::path& path);

}  // namespace annulus::trainer
