// The model of a collision: flat in pseudorapidity, transverse momenta from a gamma distribution with a tail.
#include "rich/simulation/particle_gun.hpp"

#include <cmath>
#include <numbers>

namespace annulus::rich {
namespace {

constexpr double kLowestEta = 1.9;
constexpr double kHighestEta = 5.0;
constexpr double kVertexSigma = 45;
constexpr double kLargestSlopeX = 0.30;
constexpr double kLargestSlopeY = 0.25;
/// Scale of the transverse momentum, GeV/c, in the order of Species.
constexpr std::array<double, kSpeciesCount> kTemperatures{0.12, 0.14, 0.14, 0.19, 0.23, 0.26};
constexpr double kTail = 0.25;

constexpr std::array<double, kSpeciesCount> kGhostShares{0.60, 0.05, 0.35, 0, 0, 0};
constexpr double kLowestGhostMomentum = 0.5;

/// Where particles are lost, when they are.
constexpr double kFirstLossZ = 900;
constexpr double kLastLossZ = 11500;

TrackState::AtEntry stored(const Ray& ray) {
  return {.x = static_cast<float>(ray.origin.x),
          .y = static_cast<float>(ray.origin.y),
          .slope_x = static_cast<float>(ray.direction.x / ray.direction.z),
          .slope_y = static_cast<float>(ray.direction.y / ray.direction.z)};
}

/// Cuts a piece of way short at z. @return nothing when it lies behind z
std::optional<Segment> cut(const Segment& segment, double z) {
  if (z <= segment.entry.z) return std::nullopt;
  if (z >= segment.exit.z) return segment;
  const double share = (z - segment.entry.z) / (segment.exit.z - segment.entry.z);
  return Segment{segment.entry, segment.entry + share * (segment.exit - segment.entry)};
}

}  // namespace

ParticleGun::ParticleGun(const Detector& detector, const SimulationOptions& options)
    : detector_(detector), options_(options), shares_(shares_of(options.mix)) {}

ParticleGun::Kinematics ParticleGun::kinematics(Species species, double lowest, Draws& draws) const {
  const double temperature = kTemperatures[index_of(species)];
  for (;;) {
    const double eta = draws.uniform(kLowestEta, kHighestEta);
    const double transverse = temperature * draws.gamma(2) * (1 + kTail * draws.exponential());
    const double azimuth = draws.uniform(0, 2 * std::numbers::pi);
    const double momentum = transverse * std::cosh(eta);
    const double slope_x = std::cos(azimuth) / std::sinh(eta);
    const double slope_y = std::sin(azimuth) / std::sinh(eta);
    const bool inside = std::abs(slope_x) < kLargestSlopeX && std::abs(slope_y) < kLargestSlopeY;
    if (inside && momentum > lowest && momentum < options_.highest_momentum)
      return {momentum, slope_x, slope_y};
  }
}

Particle ParticleGun::fly(Species species, const Kinematics& start, Draws& draws) const {
  Particle particle{.species = species, .charge = draws.sign(), .momentum = start.momentum};
  const Vector3 vertex{0, 0, kVertexSigma * draws.normal()};
  const Ray before = ray_from_slopes(vertex, start.slope_x, start.slope_y);
  const Vector3 kink = before.at((detector_.magnet.z - vertex.z) / before.direction.z);
  const double bent = start.slope_x + particle.charge * detector_.magnet.kick / start.momentum;
  const std::array<Ray, kRichCount> pieces{before, ray_from_slopes(kink, bent, start.slope_y)};
  for (const Rich& rich : detector_.riches) {
    const std::size_t i = index_of(rich.id);
    const Ray& piece = pieces[i];
    particle.rays[i] = {piece.at((rich.entry_z - piece.origin.z) / piece.direction.z), piece.direction};
    particle.rays[i].origin.z = rich.entry_z;  // rounding may have put it just behind, and out of the gas
    const auto segment = gas_segment(rich, particle.rays[i]);
    if (segment && in_acceptance(rich, *segment)) particle.segments[i] = segment;
  }
  return particle;
}

Particle ParticleGun::track(Draws& draws) const {
  const auto species = static_cast<Species>(draws.choice(shares_));
  Particle particle = fly(species, kinematics(species, options_.lowest_momentum, draws), draws);
  if (draws.chance(options_.quality.lost_fraction)) {
    particle.lost_z = draws.uniform(kFirstLossZ, kLastLossZ);
    for (auto& segment : particle.segments)
      if (segment) segment = cut(*segment, particle.lost_z);
  }
  return particle;
}

Particle ParticleGun::ghost(Draws& draws) const {
  const auto species = static_cast<Species>(draws.choice(kGhostShares));
  return fly(species, kinematics(species, kLowestGhostMomentum, draws), draws);
}

TrackState::AtEntry ParticleGun::smeared(const Rich& rich, const Particle& particle, double sigma,
                                         Draws& draws) const {
  const auto [error_x, error_y] = draws.normals();
  const Ray& ray = particle.rays[index_of(rich.id)];
  const TrackState::AtEntry truth = stored(ray);
  // Tracks are best known in the middle of the gas: turned about it, the emission point stays where it is.
  const auto segment = gas_segment(rich, ray);
  const double lever = segment ? segment->middle().z - rich.entry_z : 0;
  return {.x = truth.x - static_cast<float>(lever * sigma * error_x),
          .y = truth.y - static_cast<float>(lever * sigma * error_y),
          .slope_x = truth.slope_x + static_cast<float>(sigma * error_x),
          .slope_y = truth.slope_y + static_cast<float>(sigma * error_y)};
}

Track ParticleGun::measured(const Particle& particle, Draws& draws) const {
  const TrackQuality& quality = options_.quality;
  Track track{.species = particle.species,
              .charge = static_cast<std::int8_t>(particle.charge),
              .lost_z = static_cast<float>(particle.lost_z),
              .mistaken = draws.chance(quality.tail_fraction)};
  const double scale = quality.smear_scale * (track.mistaken ? quality.tail_scale : 1);
  track.truth.momentum = static_cast<float>(particle.momentum);
  const double relative_error = quality.momentum_error * draws.normal();
  track.measured.momentum = static_cast<float>(particle.momentum * (1 + relative_error));
  for (const Rich& rich : detector_.riches) {
    const std::size_t i = index_of(rich.id);
    const double sigma = scale * rich.direction_error(particle.momentum);
    track.truth.entries[i] = stored(particle.rays[i]);
    track.measured.entries[i] = smeared(rich, particle, sigma, draws);
    const auto segment = gas_segment(rich, track.measured.ray(rich));
    track.inside[i] = segment && in_acceptance(rich, *segment);
  }
  return track;
}

}  // namespace annulus::rich
