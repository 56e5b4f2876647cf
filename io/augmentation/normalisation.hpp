// Mean and deviation of a training set, for per-feature normalisation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// Sums of x and x^2 per channel; for float pixels of x - pivot, which keeps the difference of the two
/// accurate.
struct ChannelMoments {
  std::vector<double> sum;
  std::vector<double> square;
  std::vector<double> pivot;
};

/// Mean and deviation of every channel over (N, H, W), measured piece by piece, so that whoever waits for it
/// hears something in between. The bits do not depend on the pieces: integer pixels are summed exactly, float
/// pixels in double in the stored order.
class FeatureMeasurement {
 public:
  /// @param source  outlives the measurement. @throws DataError if it is empty
  explicit FeatureMeasurement(SampleSource& source);

  /// Reads on, about this many bytes. @return whether samples are left to be read
  /// @throws DataError if values are not finite
  bool read(std::size_t bytes);

  /// A per-feature normalisation in rescaled units, when everything has been read. A channel that is constant
  /// gets deviation 1, with a warning.
  Normalisation result(float rescale) const;

 private:
  void read_block(std::size_t count);

  SampleSource& source_;
  ChannelMoments moments_;
  std::uint64_t next_ = 0;  ///< sample to read next
  std::vector<std::byte> pixels_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint64_t> samples_;
};

}  // namespace annulus::io
