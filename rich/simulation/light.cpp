// Photons are drawn as if the particle flew at the speed of light, and kept with the ratio of sin^2 theta at
// its real speed: one spectrum serves every particle, and the energy spectrum near threshold is right.
#include "rich/simulation/light.hpp"

#include <cmath>
#include <numbers>

namespace annulus::rich {
namespace {

double sine_squared(double cosine) { return (1 - cosine) * (1 + cosine); }

}  // namespace

LightSource::LightSource(const Rich& rich) : rich_(rich), radiator_(rich) {}

void LightSource::shine(const Emitter& emitter, Draws& draws, std::vector<std::uint32_t>& channels) const {
  const double inverse_speed = inverse_beta(emitter.species, emitter.momentum);
  if (inverse_speed >= radiator_.largest_index()) return;
  const Segment& segment = emitter.segment;
  const Vector3 way = segment.exit - segment.entry;
  const Frame frame = frame_around(segment.direction());
  const double blur = rich_.blur * rich_.image_scale;
  const std::uint32_t count = draws.poisson(radiator_.saturated_yield_per_mm() * segment.path());
  for (std::uint32_t i = 0; i < count; ++i) {
    const double index = radiator_.photon(draws.unit()).index;
    const double keep = draws.unit();
    const double place = draws.unit();
    const double azimuth = 2 * std::numbers::pi * draws.unit();
    const double cosine = inverse_speed / index;
    if (cosine >= 1 || keep * sine_squared(1 / index) >= sine_squared(cosine)) continue;
    const double sine = std::sqrt(sine_squared(cosine));
    const Vector3 direction =
        (sine * std::cos(azimuth)) * frame.x + (sine * std::sin(azimuth)) * frame.y + cosine * frame.z;
    const auto path = trace(rich_, {segment.entry + place * way, direction});
    if (!path) continue;
    PanelPoint at = path->panel;
    if (blur > 0) {
      const auto [error_u, error_v] = draws.normals();
      at = {at.u + blur * error_u, at.v + blur * error_v};
    }
    if (const auto channel = rich_.panel.channel_at(at))
      channels.push_back(rich_.channel_of(path->half, *channel));
  }
}

}  // namespace annulus::rich
