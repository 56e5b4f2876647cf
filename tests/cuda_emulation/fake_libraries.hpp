// Makes the played cuDNN and cuBLASLt fail.
#pragma once

#include <cstddef>

namespace annulus::test {

/// While one lives, convolutions of cuDNN and products of cuBLASLt end with these codes (0: they run), always
/// or as long as less device memory than this is free.
class PretendRefusals {
 public:
  PretendRefusals(int cudnn, int cublas, std::size_t below_free = 0);
  ~PretendRefusals();
  PretendRefusals(const PretendRefusals&) = delete;
  PretendRefusals& operator=(const PretendRefusals&) = delete;
};

}  // namespace annulus::test
