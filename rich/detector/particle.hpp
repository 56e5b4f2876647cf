// The particles that a RICH tells apart, lightest first: the order of all tables in this room.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/enum_words.hpp"

namespace annulus::rich {

enum class Species : std::uint8_t { electron, muon, pion, kaon, proton, deuteron };

inline constexpr std::size_t kSpeciesCount = 6;
inline constexpr std::array<Species, kSpeciesCount> kAllSpecies{
    Species::electron, Species::muon, Species::pion, Species::kaon, Species::proton, Species::deuteron};

constexpr std::size_t index_of(Species species) { return static_cast<std::size_t>(species); }

/// GeV/c^2 (Particle Data Group).
inline constexpr std::array<double, kSpeciesCount> kMasses{0.000510999, 0.105658, 0.139570,
                                                           0.493677,    0.938272, 1.875613};
constexpr double mass_of(Species species) { return kMasses[index_of(species)]; }

}  // namespace annulus::rich

template <>
struct annulus::EnumWords<annulus::rich::Species> {
  static constexpr std::array kWords{"electron", "muon", "pion", "kaon", "proton", "deuteron"};
};

namespace annulus::rich {

constexpr std::string_view name_of(Species species) { return word_of(species); }

/// 1/velocity in units of 1/c: sqrt(1 + (m/p)^2). @param momentum  GeV/c, above zero
inline double inverse_beta(Species species, double momentum) {
  const double ratio = mass_of(species) / momentum;
  return std::sqrt(1 + ratio * ratio);
}

}  // namespace annulus::rich
