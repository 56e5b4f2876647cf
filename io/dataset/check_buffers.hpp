// What implementations of SampleSource check before they read. Apart from sample_source.hpp, which kernels
// include: nvcc does not compile fmt.
#pragma once

#include "base/error.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// For implementations: whether the buffers have room for n samples. @throws std::logic_error
inline void check_buffers(std::size_t n, const SampleBuffers& buffers, const SourceInfo& info) {
  const auto floats = static_cast<std::size_t>(total_length(info.vectors));
  const auto pixel_bytes = static_cast<std::size_t>(info.shape.size()) * size_of(info.pixels);
  expect_contract(buffers.labels.size() == n && buffers.pixels.size() == n * pixel_bytes &&
                      (buffers.vectors.empty() || buffers.vectors.size() == n * floats),
                  "read has room for one image, label and row of vectors per sample");
}

}  // namespace annulus::io
