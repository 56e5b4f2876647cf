// What a radiator, its mirrors and its photodetectors make of a charged particle on average: Cherenkov
// angles, thresholds, yields, and the energy spectrum of the photons that are detected. Integrals over the
// photon energy are done once, when it is made.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "rich/detector/detector.hpp"
#include "rich/detector/particle.hpp"

namespace annulus::rich {

/// alpha/(hbar c): photons per mm and eV of a particle of charge 1, over sin^2 theta (Frank and Tamm).
inline constexpr double kPhotonsPerMmEv = 37.0;

class RadiatorModel {
 public:
  explicit RadiatorModel(const Rich& rich);

  /// Mean refractive index of detected photons at saturation. Hypotheses use it.
  double mean_index() const { return mean_index_; }
  /// Its standard deviation over the spectrum; gives the chromatic error sigma_n/(n tan theta).
  double index_spread() const { return index_spread_; }
  double mean_energy() const { return mean_energy_; }
  /// Angle of a particle at the speed of light, acos(1/mean_index).
  double saturated_angle() const { return saturated_angle_; }
  /// Momentum from which on a particle radiates, m/sqrt(n^2 - 1), GeV/c.
  double threshold(Species species) const { return mass_of(species) / threshold_scale_; }
  /// cos theta = 1/(n beta) at the mean index; 0 at and below threshold.
  double angle(Species species, double momentum) const;

  /// Photons that a saturated ring of a particle gives on average per mm in the gas, all of which would meet
  /// live pixels: losses at mirrors, window and photocathode and `Rich::efficiency` counted, dead area not.
  double saturated_yield_per_mm() const { return saturated_yield_; }
  /// Yield over that of a saturated ring, the energy integral of sin^2 theta; about 1 - (threshold/p)^2, 0
  /// where there is no light.
  double yield_fraction(Species species, double momentum) const;

  /// A sampled spectrum point: energy and index.
  struct Photon {
    double energy_ev = 0;
    double index = 1;
  };
  /// Draws from the spectrum of a saturated ring by inverting its integral.
  /// @param uniform  in [0, 1)
  Photon photon(double uniform) const;
  /// Largest index in the spectrum: below 1/beta = this nothing radiates.
  double largest_index() const { return largest_index_; }

 private:
  struct Bin {
    double energy_ev;
    double index;
    double weight;  ///< share of a saturated ring's photons
  };
  void make_quantiles(const Gas& gas, double width);

  std::vector<Bin> bins_;
  std::vector<Photon> quantiles_;  ///< at equal steps of the integral
  double mean_index_ = 1;
  double index_spread_ = 0;
  double mean_energy_ = 0;
  double saturated_angle_ = 0;
  double threshold_scale_ = 1;
  double saturated_yield_ = 0;
  double largest_index_ = 1;
};

}  // namespace annulus::rich
