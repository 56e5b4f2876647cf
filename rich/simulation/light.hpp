// The Cherenkov light of one particle in one RICH, photon by photon, down to the pixels that fire.
#pragma once

#include <cstdint>
#include <vector>

#include "rich/detector/detector.hpp"
#include "rich/detector/optics.hpp"
#include "rich/detector/radiator.hpp"
#include "rich/simulation/draws.hpp"

namespace annulus::rich {

class LightSource {
 public:
  /// @param rich  outlives it
  explicit LightSource(const Rich& rich);

  const RadiatorModel& radiator() const { return radiator_; }

  struct Emitter {
    Species species = Species::pion;
    double momentum = 0;
    Segment segment;
  };
  /// Draws the photons of a particle and appends the channels of those that meet live pixels, in the order of
  /// emission; a channel may come several times.
  void shine(const Emitter& emitter, Draws& draws, std::vector<std::uint32_t>& channels) const;

 private:
  const Rich& rich_;
  RadiatorModel radiator_;
};

}  // namespace annulus::rich
