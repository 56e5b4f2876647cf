// What light loses between gas and pixel: reflectivity of the mirrors, transmission of the window, quantum
// efficiency of the photocathode.
#pragma once

#include "rich/detector/detector.hpp"

namespace annulus::rich {

/// Photon energies outside of which nothing is detected.
inline constexpr double kLowestEnergyEv = 1.8;
inline constexpr double kHighestEnergyEv = 6.3;

enum class Mirror { spherical, flat };

/// Mean measured quantum efficiency of the multi-anode tubes of Run 3 (LHCb detector description).
double quantum_efficiency(double energy_ev);

/// Rounded from the tables of the LHCb detector description; RICH1's two mirrors share one.
double reflectivity(RichId rich, Mirror mirror, double energy_ev);

/// Both surfaces of the quartz window (n = 1.46, no coating) at normal incidence, Fresnel's equations.
double window_transmission();

/// The product of all: probability that a photon which flies to a live pixel is detected.
double detection_probability(RichId rich, double energy_ev);

}  // namespace annulus::rich
