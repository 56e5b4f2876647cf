// Charged particles of a collision: species, momentum, charge and the way through both RICHes.
#pragma once

#include <array>
#include <optional>

#include "rich/detector/detector.hpp"
#include "rich/events/event.hpp"
#include "rich/simulation/draws.hpp"
#include "rich/simulation/simulation_options.hpp"

namespace annulus::rich {

/// A particle and its true piece of way through the gas of each RICH; none where it does not get, or where it
/// lies outside the acceptance.
struct Particle {
  Species species = Species::pion;
  int charge = 1;
  double momentum = 0;
  double lost_z = 0;                 ///< 0: flies through
  std::array<Ray, kRichCount> rays;  ///< at the entry planes
  std::array<std::optional<Segment>, kRichCount> segments;
};

class ParticleGun {
 public:
  /// @param detector  outlives the gun
  ParticleGun(const Detector& detector, const SimulationOptions& options);

  /// A particle that has a track.
  Particle track(Draws& draws) const;
  /// A particle without: mostly electrons of conversions, down to 0.5 GeV/c.
  Particle ghost(Draws& draws) const;
  /// What the tracking system knows of a particle. @param particle  from track()
  Track measured(const Particle& particle, Draws& draws) const;

 private:
  struct Kinematics {
    double momentum;
    double slope_x;
    double slope_y;
  };
  Kinematics kinematics(Species species, double lowest, Draws& draws) const;
  Particle fly(Species species, const Kinematics& start, Draws& draws) const;
  TrackState::AtEntry smeared(const Rich& rich, const Particle& particle, double sigma, Draws& draws) const;

  const Detector& detector_;
  SimulationOptions options_;
  std::array<double, kSpeciesCount> shares_;
};

}  // namespace annulus::rich
