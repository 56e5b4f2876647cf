// Samples with a model's answers: an exported model is tried by them, and they go along with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/dataset/batch.hpp"
#include "io/dataset/sample_source.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/commands/common/load.hpp"

namespace annulus::trainer {

struct GoldenSamples {
  std::int64_t samples = 0;
  std::string of;                    ///< what they are, for a message
  std::vector<std::byte> pixels;     ///< (samples, H, W, C) as they are stored
  std::vector<float> vectors;        ///< (samples, all vectors)
  std::vector<float> probabilities;  ///< (samples, classes)
  io::SourceInfo info;

  // As .npy files: the pixels in the type and layout of a model's input, vectors one by one, the answers.
  std::string image_array(io::PixelType type, io::PixelLayout layout) const;
  std::string vector_array(std::size_t which) const;
  std::string answer_array() const;
};

/// Of the test samples, or others of the data file where that is at hand; else noise. @param batch  at least
/// so many
GoldenSamples make_golden_samples(const ModelSource& source, Replica& replica, std::int64_t batch);

}  // namespace annulus::trainer
