#include "rich/reconstruction/expectation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

namespace annulus::rich {
namespace {

/// Points at which a ring is traced; the dead area between 8 and 11 tubes on a ring is averaged anyway.
constexpr int kRingPoints = 24;
/// Hypotheses whose angles differ by less have the same ring as far as panel edges are concerned.
constexpr double kSameRing = 1.0e-3;
constexpr std::size_t kFractions = 512;

std::array<std::array<double, 2>, kRingPoints> circle() {
  std::array<std::array<double, 2>, kRingPoints> points{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double phi = 2 * std::numbers::pi * static_cast<double>(i) / kRingPoints;
    points[i] = {std::cos(phi), std::sin(phi)};
  }
  return points;
}

/// Area of the polygon over that of the circle around it: n sin(2 pi / n) / (2 pi).
const double kPolygonToCircle =
    kRingPoints * std::sin(2 * std::numbers::pi / kRingPoints) / (2 * std::numbers::pi);

double polygon_area(std::span<const PanelPoint> corners) {
  double twice = 0;
  PanelPoint last = corners.back();
  for (const PanelPoint& corner : corners) {
    twice += last.u * corner.v - last.v * corner.u;
    last = corner;
  }
  return std::abs(twice) / 2;
}

}  // namespace

ExpectationModel::ExpectationModel(const Rich& rich, const RadiatorModel& radiator, const PixelTable& pixels)
    : rich_(rich), radiator_(radiator), pixels_(pixels), fractions_(kFractions + 2, 0.0) {
  // Threshold and yield depend on mass and momentum as m/p alone, so one table serves all species.
  // Up to the (m/p)^2 at which the largest index stops radiating.
  step_ = (radiator.largest_index() * radiator.largest_index() - 1) / kFractions;
  fractions_[0] = 1;
  for (std::size_t i = 1; i < kFractions; ++i)
    fractions_[i] = radiator.yield_fraction(
        Species::kaon, mass_of(Species::kaon) / std::sqrt(static_cast<double>(i) * step_));
}

double ExpectationModel::yield_fraction(Species species, double momentum) const {
  const double ratio = mass_of(species) / momentum;
  const double at = ratio * ratio / step_;
  if (!(at < kFractions)) return 0;
  const auto left = static_cast<std::size_t>(at);
  return fractions_[left] + (at - static_cast<double>(left)) * (fractions_[left + 1] - fractions_[left]);
}

/// Appends where a ring's light falls. @return the area it encloses on the plane over its solid angle
double ExpectationModel::trace_ring(const Segment& track, double theta,
                                    std::vector<RegionShare>& shares) const {
  static const std::array<std::array<double, 2>, kRingPoints> kCircle = circle();
  const Frame frame = frame_around(track.direction());
  const Vector3 middle = track.middle();
  const double sine = std::sin(theta);
  const Vector3 along = std::cos(theta) * frame.z;
  const Half own = rich_.half_at(track.exit);
  std::array<PanelPoint, kRingPoints> outline;
  for (std::size_t i = 0; i < kRingPoints; ++i) {
    const auto [x, y] = kCircle[i];
    const Ray photon{middle, (sine * x) * frame.x + (sine * y) * frame.y + along};
    // The outline is drawn as if the track's own mirror went on beyond its edge.
    auto path = trace_on(rich_, own, photon);
    outline[i] = path ? path->panel : PanelPoint{};
    if (path && rich_.half_at(path->mirror) != own) path = trace(rich_, photon);
    if (!path) continue;
    const PixelTable::Place place = pixels_.place_at(path->panel);
    if (place.region == kNoRegion) continue;
    const auto region = static_cast<std::uint32_t>(place.region) +
                        (path->half == Half::negative ? static_cast<std::uint32_t>(pixels_.regions()) : 0);
    shares.push_back({region, static_cast<float>(place.fill / kRingPoints)});
  }
  return polygon_area(outline) / (kPolygonToCircle * std::numbers::pi * sine * sine);
}

void ExpectationModel::expect(const Segment& track, double momentum, TrackExpectation& result) const {
  result.shares.clear();
  const double saturated = radiator_.saturated_yield_per_mm() * track.path();
  const RingExpectation* traced = nullptr;
  double covered = 0;
  for (const Species species : kAllSpecies) {
    RingExpectation& ring = result.rings[index_of(species)];
    ring = {};
    const double theta = radiator_.angle(species, momentum);
    if (!(theta > 0)) continue;
    ring.theta = theta;
    ring.photons = saturated * yield_fraction(species, momentum);
    // Tracing is the expensive part. At high momentum several species have nearly the same ring.
    if (traced == nullptr || std::abs(traced->theta - theta) > kSameRing) {
      ring.first_share = static_cast<std::uint32_t>(result.shares.size());
      ring.area_per_angle = trace_ring(track, theta, result.shares);
      ring.last_share = static_cast<std::uint32_t>(result.shares.size());
      covered = 0;
      for (std::uint32_t i = ring.first_share; i < ring.last_share; ++i) covered += result.shares[i].share;
      traced = &ring;
    } else {
      ring.first_share = traced->first_share;
      ring.last_share = traced->last_share;
      ring.area_per_angle = traced->area_per_angle;
    }
    ring.detected = ring.photons * covered;
  }
}

}  // namespace annulus::rich
