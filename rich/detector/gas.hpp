// Refractive index of the radiator gases.
#pragma once

#include <string_view>

namespace annulus::rich {

/// Lorentz-Lorenz with a single pole, the parametrisation of the LHCb detector description.
struct Gas {
  std::string_view name;
  double pole_ev = 0;            ///< E1
  double strength_ev2 = 0;       ///< F1
  double molar_mass_g = 0;       ///< M, g/mol
  double density_g_per_cm3 = 0;  ///< rho at 293 K and 1013 mbar
};

inline constexpr Gas kC4F10{"C4F10", 18.938, 12305.3, 138.0, 0.00964};
inline constexpr Gas kCF4{"CF4", 20.003, 7626.16, 88.0, 0.00366};

/// n = sqrt((1 + 2c)/(1 - c)) with c = 0.3738 (rho/M) F1/(E1^2 - E^2).
/// @param energy_ev  of the photon, below the pole
double refractive_index(const Gas& gas, double energy_ev);

}  // namespace annulus::rich
