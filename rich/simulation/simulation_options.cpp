#include "rich/simulation/simulation_options.hpp"

#include "base/error.hpp"

namespace annulus::rich {
namespace {

/// Beyond it the hits of an event no longer mean anything: every pixel fires.
constexpr double kMostTracks = 1000;

void check(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw UsageError("The simulation's {} is {}, but must lie between {} and {}.", name, value, low, high);
}

}  // namespace

std::array<double, kSpeciesCount> shares_of(Mix mix) {
  constexpr double kLectureTracks = 2985;
  switch (mix) {
    case Mix::lecture:
      return {76 / kLectureTracks,  12 / kLectureTracks,  2058 / kLectureTracks,
              540 / kLectureTracks, 299 / kLectureTracks, 0};
    case Mix::minbias:
      return {0.020, 0.006, 0.765, 0.135, 0.074, 0};
    case Mix::balanced:
      break;
  }
  std::array<double, kSpeciesCount> equal{};
  equal.fill(1.0 / kSpeciesCount);
  return equal;
}

void make_realistic(SimulationOptions& options) {
  options.quality.smear_scale = 1.3;
  options.quality.tail_fraction = 0.05;
  options.quality.lost_fraction = 0.12;
  options.ghosts_per_track = 0.60;
}

void check_options(const SimulationOptions& options) {
  check("number of tracks", options.tracks, 0, kMostTracks);
  check("lowest momentum", options.lowest_momentum, 0.1, 150);
  check("highest momentum", options.highest_momentum, options.lowest_momentum + 0.1, 1000);
  check("ghosts per track", options.ghosts_per_track, 0, 10);
  for (const double noise : options.noise) check("noise", noise, 0, 500);
  check("momentum error", options.quality.momentum_error, 0, 0.1);
  check("smear scale", options.quality.smear_scale, 0, 100);
  check("tail fraction", options.quality.tail_fraction, 0, 1);
  check("tail scale", options.quality.tail_scale, 0, 100);
  check("lost fraction", options.quality.lost_fraction, 0, 1);
  check("validation fraction", options.validation_fraction, 0, 1);
  check("test fraction", options.test_fraction, 0, 1 - options.validation_fraction);
}

}  // namespace annulus::rich
