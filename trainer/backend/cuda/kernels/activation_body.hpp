// Elementwise kernels: activations and their derivatives, bias, sums of tensors, conversion, padding.
#pragma once

#include <cmath>
#include <limits>

#include "trainer/backend/cuda/kernels/element.hpp"
#include "trainer/backend/cuda/kernels/step_scalars.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer::cuda {

/// Every activation but softmax, which is not a function of one value.
ANNULUS_DEVICE inline float activated(Activation kind, float x) {
  switch (kind) {
    case Activation::relu:
      return x < 0 ? 0.0f : x;  // NaN stays NaN
    case Activation::sigmoid:
      return 1.0f / (1.0f + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    default:
      return x;
  }
}

/// As a function of what the activation put out.
ANNULUS_DEVICE inline float derivative(Activation kind, float y) {
  switch (kind) {
    case Activation::relu:
      return y > 0 ? 1.0f : 0.0f;
    case Activation::sigmoid:
      return y * (1.0f - y);
    case Activation::tanh:
      return 1.0f - y * y;
    default:
      return 1.0f;
  }
}

/// dy * derivative, so that a dropped gradient is zero whatever it was.
ANNULUS_DEVICE inline float chained(Activation kind, float y, float dy) {
  if (kind == Activation::relu) return y > 0 ? dy : 0.0f;
  return kind == Activation::none ? dy : dy * derivative(kind, y);
}

/// y = activated(x). Index: P elements. In place is fine.
template <class T, int P>
struct ActivationBody {
  const T* x;
  T* y;
  std::int64_t elements;
  Activation kind;

  ANNULUS_DEVICE std::int64_t indices() const { return elements / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    float values[P];
    load<P>(x + i * P, values);
    for (int k = 0; k < P; ++k) values[k] = activated(kind, values[k]);
    store<P>(y + i * P, values);
  }
};

/// dx = dy * derivative(y). Index: P elements. In place is fine; y is not read when kind is none.
template <class T, int P>
struct DerivativeBody {
  const T* y;
  const T* dy;
  T* dx;
  std::int64_t elements;
  Activation kind;

  ANNULUS_DEVICE std::int64_t indices() const { return elements / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    float gradients[P];
    load<P>(dy + i * P, gradients);
    if (kind != Activation::none) {
      float outputs[P];
      load<P>(y + i * P, outputs);
      for (int k = 0; k < P; ++k) gradients[k] = chained(kind, outputs[k], gradients[k]);
    }
    store<P>(dx + i * P, gradients);
  }
};

/// y = activated(y + bias), in place, (rows, channels). Index: P neighbouring channels of a row.
template <class T, int P>
struct BiasActivationBody {
  T* y;
  const T* bias;  ///< (channels), or nullptr
  std::int64_t elements;
  std::int32_t channels;
  Activation kind;

  ANNULUS_DEVICE std::int64_t indices() const { return elements / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, channels / P) * P;
    float values[P];
    load<P>(y + i * P, values);
    for (int k = 0; k < P; ++k)
      values[k] = activated(kind, values[k] + (bias ? to_float(bias[channel + k]) : 0.0f));
    store<P>(y + i * P, values);
  }
};

/// Largest number of terms of one SumBody.
constexpr int kMostTerms = 4;

/// y = activated(sum of terms), in the order of the terms. `y` may be one of them. Index: P elements.
template <class T, int P>
struct SumBody {
  const T* terms[kMostTerms];
  int count;  ///< of terms
  T* y;
  std::int64_t elements;
  Activation kind;

  ANNULUS_DEVICE std::int64_t indices() const { return elements / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    float sum[P];
    load<P>(terms[0] + i * P, sum);
    for (int term = 1; term < count; ++term) {
      float values[P];
      load<P>(terms[term] + i * P, values);
      for (int k = 0; k < P; ++k) sum[k] += values[k];
    }
    for (int k = 0; k < P; ++k) sum[k] = activated(kind, sum[k]);
    store<P>(y + i * P, sum);
  }
};

/// to = from, converted. Index: as many neighbours as 16 bytes of the wider type hold, where both sides are
/// aligned to so many, else one element.
template <class From, class To>
struct ConvertBody {
  static constexpr int kPack = kPackOf<From> < kPackOf<To> ? kPackOf<From> : kPackOf<To>;
  const From* from;
  To* to;
  std::int64_t elements;

  ANNULUS_DEVICE bool in_packs() const {
    return reinterpret_cast<std::uintptr_t>(from) % sizeof(Pack<From, kPack>) == 0 &&
           reinterpret_cast<std::uintptr_t>(to) % sizeof(Pack<To, kPack>) == 0;
  }
  ANNULUS_DEVICE std::int64_t indices() const {
    return in_packs() ? (elements + kPack - 1) / kPack : elements;
  }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    if (!in_packs()) return convert(i, i + 1);
    if ((i + 1) * kPack > elements) return convert(i * kPack, elements);
    float values[kPack];
    load<kPack>(from + i * kPack, values);
    store<kPack>(to + i * kPack, values);
  }
  ANNULUS_DEVICE void convert(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t i = begin; i < end; ++i) to[i] = from_float<To>(to_float(from[i]));
  }
};

/// An image inside a larger one.
struct Frame {
  std::int32_t height, width, channels;    ///< of the inner image
  std::int32_t outer_height, outer_width;  ///< of the outer one
  std::int32_t top, left;                  ///< where the inner image starts

  ANNULUS_DEVICE std::int64_t inner_size() const { return std::int64_t{1} * height * width * channels; }
  ANNULUS_DEVICE std::int64_t outer_size() const {
    return std::int64_t{1} * outer_height * outer_width * channels;
  }
};

/// outer = inner with zeros around it. Index: P channels of a pixel of the outer images.
template <class T, int P>
struct PadBody {
  const T* inner;
  T* outer;
  Frame frame;
  std::int64_t samples;

  ANNULUS_DEVICE std::int64_t indices() const { return samples * frame.outer_size() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, frame.channels / P) * P;
    const std::int32_t x = split(number, frame.outer_width) - frame.left;
    const std::int32_t y = split(number, frame.outer_height) - frame.top;
    float values[P] = {};
    if (y >= 0 && y < frame.height && x >= 0 && x < frame.width) {
      const std::int64_t row = static_cast<std::int64_t>(number) * frame.height + y;
      load<P>(inner + (row * frame.width + x) * frame.channels + channel, values);
    }
    store<P>(outer + i * P, values);
  }
};

/// inner = the inside of outer. Index: P channels of a pixel of the inner images.
template <class T, int P>
struct CropBody {
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
    const std::int64_t row = static_cast<std::int64_t>(number) * frame.outer_height + y;
    float values[P];
    load<P>(outer + (row * frame.outer_width + x) * frame.channels + channel, values);
    store<P>(inner + i * P, values);
  }
};

/// What the layers leave to do in a gradient buffer: gradients[padding[i]] = 0, and the NaN of a drill. That
/// one is a matter of every step, of which most leave it alone: a captured step cannot have a kernel more.
struct LeftoverBody {
  float* gradients;
  const std::uint32_t* padding;
  std::int64_t count;          ///< of the padding
  float* first = nullptr;      ///< that a drill spoils; null without parameters
  const StepScalars* scalars;  ///< whose `spoil`; null: never

  ANNULUS_DEVICE std::int64_t indices() const { return count + 1; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    if (i < count)
      gradients[padding[i]] = 0.0f;
    else if (first != nullptr && scalars != nullptr && scalars->spoil != 0)
      *first = std::numeric_limits<float>::quiet_NaN();
  }
};

}  // namespace annulus::trainer::cuda
