// Batch norm (Ioffe & Szegedy 2015, algorithm 1) with an activation behind it, the gradient of a bias, and
// local response norm (Krizhevsky et al. 2012, section 3.3).
#pragma once

#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/column_sums.hpp"

namespace annulus::trainer::cuda {

/// gradient[c] = sum of dy over the rows; takes the derivative of an activation on the way.
template <class T, int P>
struct BiasGradientBody {
  static constexpr int kCount = 1, kPack = P;
  T* dy;       ///< (rows, channels); replaced by dy * derivative unless kind is none
  const T* y;  ///< what the activation put out; unused when kind is none
  Activation kind;
  float* gradient;  ///< (channels)
  ColumnPlan plan;
  float* partials;  ///< plan.partials(1) floats

  ANNULUS_DEVICE void add(std::int64_t row, std::int32_t column, float (&sums)[kCount][P]) const {
    const std::int64_t at = row * plan.columns + column;
    float gradients[P];
    load<P>(dy + at, gradients);
    if (kind != Activation::none) {
      float outputs[P];
      load<P>(y + at, outputs);
      for (int k = 0; k < P; ++k) gradients[k] = chained(kind, outputs[k], gradients[k]);
      store<P>(dy + at, gradients);
    }
    for (int k = 0; k < P; ++k) sums[0][k] += gradients[k];
  }
  ANNULUS_DEVICE void finish(std::int32_t column, const float* sums) const { gradient[column] = sums[0]; }
};

/// Mean and variance from sums of (x - x0) and (x - x0)^2, where x0 is the column's first value: near enough
/// to the mean that nothing cancels.
template <class T, int P>
struct StatisticsBody {
  static constexpr int kCount = 2, kPack = P;
  const T* x;  ///< (rows, channels)
  float samples;
  float epsilon;
  float* mean;               ///< (channels)
  float* inverse_deviation;  ///< (channels)
  float* mean_sum;           ///< samples * mean, into the gradient buffer
  float* variance_sum;       ///< samples * biased variance, likewise
  ColumnPlan plan;
  float* partials;  ///< plan.partials(2) floats

  ANNULUS_DEVICE void add(std::int64_t row, std::int32_t column, float (&sums)[kCount][P]) const {
    float values[P], origin[P];
    load<P>(x + row * plan.columns + column, values);
    load<P>(x + column, origin);
    for (int k = 0; k < P; ++k) {
      const float deviation = values[k] - origin[k];
      sums[0][k] += deviation;
      sums[1][k] += deviation * deviation;
    }
  }
  ANNULUS_DEVICE void finish(std::int32_t column, const float* sums) const {
    const double shift = static_cast<double>(sums[0]) / static_cast<double>(plan.rows);
    const double square = static_cast<double>(sums[1]) / static_cast<double>(plan.rows);
    const double difference = square - shift * shift;
    const double variance = difference < 0 ? 0.0 : difference;
    const double average = static_cast<double>(to_float(x[column])) + shift;
    mean[column] = static_cast<float>(average);
    inverse_deviation[column] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
    mean_sum[column] = static_cast<float>(static_cast<double>(samples) * average);
    variance_sum[column] = static_cast<float>(static_cast<double>(samples) * variance);
  }
};

/// mean and inverse deviation of inference from the moving averages. Index: channel.
struct MovingStatisticsBody {
  const float* moving_mean;
  const float* moving_variance;
  float epsilon;
  float* mean;
  float* inverse_deviation;
  std::int64_t channels;

  ANNULUS_DEVICE std::int64_t indices() const { return channels; }
  ANNULUS_DEVICE void operator()(std::int64_t c) const {
    mean[c] = moving_mean[c];
    inverse_deviation[c] = static_cast<float>(
        1.0 / std::sqrt(static_cast<double>(moving_variance[c]) + static_cast<double>(epsilon)));
  }
};

/// What both directions of a batch norm know about its channels.
struct ChannelStatistics {
  const float* mean;
  const float* inverse_deviation;
  const float* gamma;
  const float* beta;
  std::int32_t channels;
};

/// y = activated(gamma * (x - mean) * inverse_deviation + beta). Index: P neighbouring channels of a row.
template <class T, int P>
struct BatchNormForwardBody {
  const T* x;
  T* y;
  ChannelStatistics of;
  Activation kind;
  std::int64_t elements;

  ANNULUS_DEVICE std::int64_t indices() const { return elements / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, of.channels / P) * P;
    float values[P];
    load<P>(x + i * P, values);
    for (int k = 0; k < P; ++k) {
      const std::int32_t c = channel + k;
      const float normalised = (values[k] - of.mean[c]) * of.inverse_deviation[c];
      values[k] = activated(kind, of.gamma[c] * normalised + of.beta[c]);
    }
    store<P>(y + i * P, values);
  }
};

/// Gradients of beta and gamma: sums of g and g * normalised x, where g = dy * derivative.
template <class T, int P>
struct BatchNormGradientBody {
  static constexpr int kCount = 2, kPack = P;
  const T* x;
  const T* y;  ///< unused when kind is none
  T* dy;       ///< replaced by g unless kind is none
  ChannelStatistics of;
  Activation kind;
  float* dgamma;
  float* dbeta;
  ColumnPlan plan;
  float* partials;  ///< plan.partials(2) floats

  ANNULUS_DEVICE void add(std::int64_t row, std::int32_t column, float (&sums)[kCount][P]) const {
    const std::int64_t at = row * of.channels + column;
    float values[P], gradients[P];
    load<P>(x + at, values);
    load<P>(dy + at, gradients);
    if (kind != Activation::none) {
      float outputs[P];
      load<P>(y + at, outputs);
      for (int k = 0; k < P; ++k) gradients[k] = chained(kind, outputs[k], gradients[k]);
      store<P>(dy + at, gradients);
    }
    for (int k = 0; k < P; ++k) {
      sums[0][k] += gradients[k];
      sums[1][k] += gradients[k] * ((values[k] - of.mean[column + k]) * of.inverse_deviation[column + k]);
    }
  }
  ANNULUS_DEVICE void finish(std::int32_t column, const float* sums) const {
    dbeta[column] = sums[0];
    dgamma[column] = sums[1];
  }
};

/// dx = gamma * inverse_deviation * (g - mean(g) - h mean(g h)), h = normalised x: the chain rule of section
/// 3 with the gradients of mean and variance inserted. Index: P neighbouring channels of a row.
template <class T, int P>
struct BatchNormBackwardBody {
  const T* x;
  const T* dy;  ///< g
  T* dx;
  ChannelStatistics of;
  const float* dgamma;
  const float* dbeta;
  float rows;  ///< elements / channels
  std::int64_t elements;

  ANNULUS_DEVICE std::int64_t indices() const { return elements / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, of.channels / P) * P;
    float values[P], gradients[P];
    load<P>(x + i * P, values);
    load<P>(dy + i * P, gradients);
    for (int k = 0; k < P; ++k) {
      const std::int32_t c = channel + k;
      const float normalised = (values[k] - of.mean[c]) * of.inverse_deviation[c];
      const float centred = gradients[k] - dbeta[c] / rows - normalised * (dgamma[c] / rows);
      gradients[k] = of.gamma[c] * of.inverse_deviation[c] * centred;
    }
    store<P>(dx + i * P, gradients);
  }
};

/// As LocalResponseNorm of the network description.
struct ResponseNormShape {
  std::int32_t channels, reach;  ///< reach: channels on either side
  float alpha, beta, k;
};

struct ChannelRange {
  std::int32_t begin, end;
};
ANNULUS_DEVICE inline ChannelRange neighbours(const ResponseNormShape& shape, std::int32_t channel) {
  const std::int32_t begin = channel - shape.reach, end = channel + shape.reach + 1;
  return {begin < 0 ? 0 : begin, end > shape.channels ? shape.channels : end};
}

/// s^-beta. The usual beta of 3/4 is two square roots, which are rounded alike on host and GPU and take a
/// tenth of the time of a power.
ANNULUS_DEVICE inline float inverse_power(const ResponseNormShape& shape, float s) {
  if (shape.beta != 0.75f) return std::pow(s, -shape.beta);
  const float root = std::sqrt(s);
  return 1.0f / (root * std::sqrt(root));
}

/// y = x * s^-beta with s = k + alpha * sum of x^2 over the neighbours. Index: element.
template <class T>
struct ResponseNormForwardBody {
  const T* x;
  T* y;
  float* scale;  ///< s, for backward; or nullptr
  ResponseNormShape shape;
  std::int64_t elements;

  ANNULUS_DEVICE std::int64_t indices() const { return elements; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels);
    const T* pixel = x + (i - channel);
    const ChannelRange range = neighbours(shape, channel);
    float squares = 0;
    for (std::int32_t c = range.begin; c < range.end; ++c) squares += to_float(pixel[c]) * to_float(pixel[c]);
    const float s = shape.k + shape.alpha * squares;
    if (scale) scale[i] = s;
    y[i] = from_float<T>(to_float(x[i]) * inverse_power(shape, s));
  }
};

/// terms_j = x_j dy_j s_j^(-beta - 1): what every neighbour of j sums in backward, so it is computed once.
/// Index: element.
template <class T>
struct ResponseNormTermsBody {
  const T* x;
  const T* dy;
  const float* scale;  ///< s
  float* terms;
  ResponseNormShape shape;
  std::int64_t elements;

  ANNULUS_DEVICE std::int64_t indices() const { return elements; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    terms[i] = to_float(x[i]) * to_float(dy[i]) * (inverse_power(shape, scale[i]) / scale[i]);
  }
};

/// dx_i = dy_i s_i^-beta - 2 alpha beta x_i * sum of the terms of the neighbours. Index: element.
template <class T>
struct ResponseNormBackwardBody {
  const T* x;
  const T* dy;
  const float* scale;
  const float* terms;
  T* dx;
  ResponseNormShape shape;
  std::int64_t elements;

  ANNULUS_DEVICE std::int64_t indices() const { return elements; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, shape.channels);
    const std::int64_t pixel = i - channel;
    const ChannelRange range = neighbours(shape, channel);
    float sum = 0;
    for (std::int64_t j = pixel + range.begin; j < pixel + range.end; ++j) sum += terms[j];
    const float direct = to_float(dy[i]) * inverse_power(shape, scale[i]);
    dx[i] = from_float<T>(direct - 2.0f * shape.alpha * shape.beta * to_float(x[i]) * sum);
  }
};

}  // namespace annulus::trainer::cuda
