#include "rich/reconstruction/resolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace annulus::rich {
namespace {

/// At saturation; measured by tracing photons of random tracks and points of emission.
constexpr std::array<double, kRichCount> kEmission{0.344e-3, 0.254e-3};
constexpr std::array<double, kRichCount> kLargest{2.5e-3, 1.0e-3};
constexpr double kDirectionShare = 0.7;
constexpr double kMomentumError = 0.005;

double square(double x) { return x * x; }

}  // namespace

ResolutionModel::ResolutionModel(const Rich& rich, const RadiatorModel& radiator)
    : rich_(rich),
      relative_index_spread_(radiator.index_spread() / radiator.mean_index()),
      saturated_angle_(radiator.saturated_angle()) {}

double ResolutionModel::chromatic(double theta) const { return relative_index_spread_ / std::tan(theta); }

double ResolutionModel::emission(double theta) const {
  return kEmission[index_of(rich_.id)] * theta / saturated_angle_;
}

double ResolutionModel::pixel(double size) const {
  return size / (2 * std::numbers::sqrt3 * rich_.image_scale);
}

double ResolutionModel::direction(double momentum) const {
  return kDirectionShare * rich_.direction_error(momentum);
}

double ResolutionModel::momentum(Species species, double track_momentum, double theta) const {
  return kMomentumError * square(mass_of(species) / track_momentum) / std::tan(theta);
}

double ResolutionModel::without_pixel(Species species, double track_momentum, double theta) const {
  const double variance = square(chromatic(theta)) + square(emission(theta)) + square(rich_.blur) +
                          square(direction(track_momentum)) +
                          square(momentum(species, track_momentum, theta));
  return std::min(std::sqrt(variance), kLargest[index_of(rich_.id)]);
}

}  // namespace annulus::rich
