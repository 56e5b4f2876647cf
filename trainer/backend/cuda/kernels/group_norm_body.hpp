// Group norm (Wu & He 2018, equations 1 to 3 and 7). One thread sums the pixels of a (sample, channel), so
// that neighbouring threads read neighbouring values; another one adds up the channels of a group. Every sum
// is in double and in one order, so bits do not depend on how the GPU schedules blocks, and squares of floats
// are exact, so that their sum minus that of the mean loses nothing that counts.
#pragma once

#include <cmath>

#include "trainer/backend/cuda/kernels/element.hpp"

namespace annulus::trainer::cuda {

/// Of a tensor (samples, pixels, channels) and the groups of its channels.
struct GroupShape {
  std::int64_t samples;
  std::int32_t pixels, channels, groups;

  ANNULUS_DEVICE std::int32_t channels_of_group() const { return channels / groups; }
  ANNULUS_DEVICE double values_of_group() const {
    return static_cast<double>(static_cast<std::int64_t>(pixels) * channels_of_group());
  }
  ANNULUS_DEVICE std::int64_t sample_channels() const { return samples * channels; }
  ANNULUS_DEVICE std::int64_t sample_groups() const { return samples * groups; }
  ANNULUS_DEVICE std::int64_t elements() const { return sample_channels() * pixels; }
  ANNULUS_DEVICE std::int64_t sample_of(std::uint32_t pixel) const {
    return pixel / static_cast<std::uint32_t>(pixels);
  }
  /// First value of (sample, channel) number i; the others follow in steps of `channels`.
  ANNULUS_DEVICE std::int64_t first_value(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, channels);
    return static_cast<std::int64_t>(number) * pixels * channels + channel;
  }
  ANNULUS_DEVICE std::int64_t group_of(std::int64_t sample, std::int32_t channel) const {
    return sample * groups + channel / channels_of_group();
  }
};

/// What both directions know: statistics of (samples, groups), parameters of (channels).
struct GroupStatistics {
  const float* mean;
  const float* inverse_deviation;
  const float* gamma;
  const float* beta;
  GroupShape shape;
};

/// Sums of x and x^2 over the pixels. Index: (sample, channel).
template <class T>
struct ChannelMomentsBody {
  const T* x;
  double* sums;  ///< (2, samples, channels)
  GroupShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.sample_channels(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const T* value = x + shape.first_value(i);
    double sum = 0, squares = 0;
    for (std::int32_t pixel = 0; pixel < shape.pixels; ++pixel, value += shape.channels) {
      const auto wide = static_cast<double>(to_float(*value));
      sum += wide;
      squares += wide * wide;
    }
    sums[i] = sum;
    sums[indices() + i] = squares;
  }
};

/// Index: (sample, group).
struct GroupStatisticsBody {
  const double* sums;  ///< of ChannelMomentsBody
  float epsilon;
  float* mean;               ///< (samples, groups)
  float* inverse_deviation;  ///< (samples, groups)
  GroupShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.sample_groups(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const double *sum = sums + i * shape.channels_of_group(), *square = sum + shape.sample_channels();
    double total = 0, squares = 0;
    for (std::int32_t c = 0; c < shape.channels_of_group(); ++c) {
      total += sum[c];
      squares += square[c];
    }
    const double average = total / shape.values_of_group();
    const double difference = squares / shape.values_of_group() - average * average;
    const double variance = difference < 0 ? 0.0 : difference;
    mean[i] = static_cast<float>(average);
    inverse_deviation[i] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(epsilon)));
  }
};

/// y = gamma * (x - mean) * inverse_deviation + beta. Index: P neighbouring channels of a pixel.
template <class T, int P>
struct GroupNormForwardBody {
  const T* x;
  T* y;
  GroupStatistics of;

  ANNULUS_DEVICE std::int64_t indices() const { return of.shape.elements() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, of.shape.channels / P) * P;
    const std::int64_t sample = of.shape.sample_of(number);
    float values[P];
    load<P>(x + i * P, values);
    for (int k = 0; k < P; ++k) {
      const std::int32_t c = channel + k;
      const std::int64_t group = of.shape.group_of(sample, c);
      const float normalised = (values[k] - of.mean[group]) * of.inverse_deviation[group];
      values[k] = of.gamma[c] * normalised + of.beta[c];
    }
    store<P>(y + i * P, values);
  }
};

/// Sums of dy and dy * h over the pixels, h = normalised x. Index: (sample, channel).
template <class T>
struct ChannelGradientsBody {
  const T* x;
  const T* dy;
  double* sums;  ///< (2, samples, channels)
  GroupStatistics of;

  ANNULUS_DEVICE std::int64_t indices() const { return of.shape.sample_channels(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t group = i / of.shape.channels_of_group();
    const float mean = of.mean[group], inverse_deviation = of.inverse_deviation[group];
    std::int64_t at = of.shape.first_value(i);
    double sum = 0, products = 0;
    for (std::int32_t pixel = 0; pixel < of.shape.pixels; ++pixel, at += of.shape.channels) {
      const float gradient = to_float(dy[at]);
      sum += static_cast<double>(gradient);
      products += static_cast<double>(gradient * ((to_float(x[at]) - mean) * inverse_deviation));
    }
    sums[i] = sum;
    sums[indices() + i] = products;
  }
};

/// Gradients of beta and gamma. Index: channel.
struct GroupNormGradientBody {
  const double* sums;  ///< of ChannelGradientsBody
  float* dgamma;
  float* dbeta;
  GroupShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.channels; }
  ANNULUS_DEVICE void operator()(std::int64_t c) const {
    double sum = 0, products = 0;
    for (std::int64_t i = c; i < shape.sample_channels(); i += shape.channels) {
      sum += sums[i];
      products += sums[shape.sample_channels() + i];
    }
    dbeta[c] = static_cast<float>(sum);
    dgamma[c] = static_cast<float>(products);
  }
};

/// Means of g = gamma * dy and of g h over a group. Index: (sample, group).
struct GroupMeansBody {
  const double* sums;  ///< of ChannelGradientsBody
  const float* gamma;
  float* means;  ///< (2, samples, groups)
  GroupShape shape;

  ANNULUS_DEVICE std::int64_t indices() const { return shape.sample_groups(); }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const double *sum = sums + i * shape.channels_of_group(), *product = sum + shape.sample_channels();
    const float* factor = gamma + i % shape.groups * shape.channels_of_group();
    double total = 0, products = 0;
    for (std::int32_t c = 0; c < shape.channels_of_group(); ++c) {
      total += static_cast<double>(factor[c]) * sum[c];
      products += static_cast<double>(factor[c]) * product[c];
    }
    means[i] = static_cast<float>(total / shape.values_of_group());
    means[indices() + i] = static_cast<float>(products / shape.values_of_group());
  }
};

/// dx = inverse_deviation * (g - mean(g) - h mean(g h)): the chain rule with the gradients of mean and
/// variance inserted. Index: P neighbouring channels of a pixel.
template <class T, int P>
struct GroupNormBackwardBody {
  const T* x;
  const T* dy;
  T* dx;
  GroupStatistics of;
  const float* means;  ///< of GroupMeansBody

  ANNULUS_DEVICE std::int64_t indices() const { return of.shape.elements() / P; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    auto number = static_cast<std::uint32_t>(i);
    const std::int32_t channel = split(number, of.shape.channels / P) * P;
    const std::int64_t sample = of.shape.sample_of(number);
    float values[P], gradients[P];
    load<P>(x + i * P, values);
    load<P>(dy + i * P, gradients);
    for (int k = 0; k < P; ++k) {
      const std::int32_t c = channel + k;
      const std::int64_t group = of.shape.group_of(sample, c);
      const float normalised = (values[k] - of.mean[group]) * of.inverse_deviation[group];
      const float product_mean = means[of.shape.sample_groups() + group];
      const float centred = of.gamma[c] * gradients[k] - means[group] - normalised * product_mean;
      gradients[k] = of.inverse_deviation[group] * centred;
    }
    store<P>(dx + i * P, gradients);
  }
};

}  // namespace annulus::trainer::cuda
