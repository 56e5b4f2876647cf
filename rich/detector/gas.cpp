#include "rich/detector/gas.hpp"

#include <cmath>

namespace annulus::rich {

double refractive_index(const Gas& gas, double energy_ev) {
  const double poles = gas.pole_ev * gas.pole_ev - energy_ev * energy_ev;
  const double c = 0.3738 * (gas.density_g_per_cm3 / gas.molar_mass_g) * gas.strength_ev2 / poles;
  return std::sqrt((1 + 2 * c) / (1 - c));
}

}  // namespace annulus::rich
