// What a program is compiled for.
#pragma once

#include <cstdint>

namespace annulus::trainer {

enum class Mode { training, inference };

struct ProgramShape {
  std::int64_t samples = 1;  ///< of a shard, or of a block of predict()
  Mode mode = Mode::training;
};

}  // namespace annulus::trainer
