// Kernels that only move values: columns of matrices, rows by number, images continued past their edges.
#pragma once

#include "base/draw_key.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/element.hpp"

namespace annulus::trainer::cuda {

/// Some neighbouring columns of a matrix that lies row by row.
struct Columns {
  std::int32_t stride;  ///< elements of a row of the whole matrix
  std::int32_t first;   ///< column
};

/// Copies columns from one matrix into another, converted. Index: element of the copied part.
template <class From, class To>
struct CopyColumnsBody {
  const From* from;
  To* to;
  Columns source, target;
  std::int32_t columns;
  std::int64_t rows;

  ANNULUS_DEVICE std::int64_t indices() const { return rows * columns; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t column = split(number, columns);
    const auto row = static_cast<std::int64_t>(number);
    to[row * target.stride + target.first + column] =
        from_float<To>(to_float(from[row * source.stride + source.first + column]));
  }
};

/// rows[i] = all[sample_of(samples[i])], `length` values each. Index: value of `rows`.
struct GatherRowsBody {
  const float* all;
  const std::uint64_t* samples;
  float* rows;
  std::int32_t length;
  std::int64_t count;  ///< of samples

  ANNULUS_DEVICE std::int64_t indices() const { return count * length; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t column = split(number, length);
    rows[i] = all[sample_of(samples[number]) * static_cast<std::uint64_t>(length) +
                  static_cast<std::uint64_t>(column)];
  }
};

/// Where a pixel `place` of an image continued past its edges comes from, along one axis. At most one turn.
ANNULUS_DEVICE inline std::int32_t wrapped(std::int32_t place, std::int32_t extent) {
  if (place < 0) return place + extent;
  return place < extent ? place : place - extent;
}

/// outer(y, x) = inner((y - top) mod height, (x - left) mod width). Index: P channels of a pixel of the outer
/// images. @pre frame.top <= frame.height, frame.left <= frame.width, and the same behind the image
template <class T, int P>
struct WrapBody {
  const T* inner;
  T* outer;
  Frame frame;
  std::int64_t samples;

  ANNULUS_DEVICE std::int64_t indices() const { return samples * frame.outer_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, frame.channels / P) * P;
    const std::int32_t x = wrapped(split(number, frame.outer_width) - frame.left, frame.width);
    const std::int32_t y = wrapped(split(number, frame.outer_height) - frame.top, frame.height);
    const std::int64_t row = static_cast<std::int64_t>(number) * frame.height + y;
    float values[P];
    load<P>(inner + (row * frame.width + x) * frame.channels + channel, values);
    store<P>(outer + i * P, values);
  }
};

/// The gradient of WrapBody: each pixel of `inner` collects what came of its one to three places along each
/// axis, always in the same order. Index: P channels of a pixel of the inner images.
template <class T, int P>
struct UnwrapBody {
  const T* outer;
  T* inner;
  Frame frame;
  std::int64_t samples;

  ANNULUS_DEVICE std::int64_t indices() const { return samples * frame.inner_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, frame.channels / P) * P;
    const std::int32_t x = split(number, frame.width) + frame.left;
    const std::int32_t y = split(number, frame.height) + frame.top;
    float sum[P] = {};
    for (std::int32_t v = y - frame.height; v <= y + frame.height; v += frame.height) {
      if (v < 0 || v >= frame.outer_height) continue;
      for (std::int32_t u = x - frame.width; u <= x + frame.width; u += frame.width) {
        if (u < 0 || u >= frame.outer_width) continue;
        const std::int64_t row = static_cast<std::int64_t>(number) * frame.outer_height + v;
        float values[P];
        load<P>(outer + (row * frame.outer_width + u) * frame.channels + channel, values);
        for (int k = 0; k < P; ++k) sum[k] += values[k];
      }
    }
    store<P>(inner + i * P, sum);
  }
};

}  // namespace annulus::trainer::cuda
