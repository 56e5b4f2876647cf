// What a simulated sample is like: detector preset, species, multiplicity, background, and how well tracks
// are known.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/enum_words.hpp"
#include "rich/detector/detector.hpp"
#include "rich/detector/particle.hpp"

namespace annulus::rich {

/// Shares of the species among tracks.
enum class Mix : std::uint8_t {
  lecture,   ///< the test sample of the lecture's network, 76/12/2058/540/299 of 2985
  minbias,   ///< typical of proton collisions
  balanced,  ///< equal shares of all six, deuterons included: for training, never for figures
};

/// Shares in the order of Species; they add up to 1.
std::array<double, kSpeciesCount> shares_of(Mix mix);

/// How tracks are known and lost. The defaults are the ideal detector.
struct TrackQuality {
  double momentum_error = 0.005;  ///< relative
  double smear_scale = 1;         ///< factor on the direction errors of Rich
  double tail_fraction = 0;       ///< tracks whose direction errors are tail_scale times larger
  double tail_scale = 5;
  double lost_fraction = 0;  ///< tracks that interact or decay between 0.9 and 11.5 m; their light ends there
};

struct SimulationOptions {
  Preset preset = Preset::run3;
  Mix mix = Mix::lecture;
  double tracks = 30;          ///< mean; gamma-Poisson with shape kMultiplicityShape
  double lowest_momentum = 2;  ///< of tracks, GeV/c
  double highest_momentum = 100;
  double ghosts_per_track = 0.30;                    ///< rings without a track
  std::array<double, kRichCount> noise{40.0, 20.0};  ///< hits per half
  TrackQuality quality;
  double validation_fraction = 0.1;  ///< of the events
  double test_fraction = 0.2;
  std::uint64_t seed = 1;
};

/// Multiplicities fluctuate by 1/sqrt(6) beyond Poisson.
inline constexpr int kMultiplicityShape = 6;

/// Turns all knobs of a realistic detector: 5 % tails, 12 % lost tracks, errors 1.3 times larger, twice the
/// rings without a track.
void make_realistic(SimulationOptions& options);

/// @throws UsageError naming the option, its value and what is possible
void check_options(const SimulationOptions& options);

}  // namespace annulus::rich

template <>
struct annulus::EnumWords<annulus::rich::Mix> {
  static constexpr std::array kWords{"lecture", "minbias", "balanced"};
};
