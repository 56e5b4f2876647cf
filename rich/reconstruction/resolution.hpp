// How precisely one photon gives the Cherenkov angle: the terms that LHCb's reconstruction adds in
// quadrature.
#pragma once

#include "rich/detector/detector.hpp"
#include "rich/detector/particle.hpp"
#include "rich/detector/radiator.hpp"

namespace annulus::rich {

class ResolutionModel {
 public:
  ResolutionModel(const Rich& rich, const RadiatorModel& radiator);

  // Standard deviations of theta, rad.

  /// Spread of the index over the spectrum of detected photons: sigma_n/(n tan theta).
  double chromatic(double theta) const;
  /// The unknown point of emission, through the mirror's aberrations.
  double emission(double theta) const;
  /// A square pixel of this side, mm.
  double pixel(double size) const;
  /// Error of the track's direction as it acts on single photons. Photons of a ring share it, and it moves
  /// the ring rather than blurring it; seven tenths in quadrature is what fits simulated events best.
  double direction(double momentum) const;
  /// Error of the momentum through the angle of a hypothesis: (sigma_p/p) (m/p)^2 / tan theta.
  double momentum(Species species, double track_momentum, double theta) const;

  /// All but the pixel, capped at 2.5 mrad (RICH1) and 1.0 mrad (RICH2) as LHCb does: close to threshold the
  /// terms lose their meaning. @pre theta > 0
  double without_pixel(Species species, double track_momentum, double theta) const;

 private:
  const Rich& rich_;
  double relative_index_spread_;
  double saturated_angle_;
};

}  // namespace annulus::rich
