// Events out of nothing: particles, their light in both RICHes, rings without tracks, noise, and tracks as
// they would be measured. An event is a pure function of the options and its number, so that whoever makes
// it, on whatever rank or thread, makes the same.
//
// In: options and the number of an event.
// Out: the event, with truth.
// Invariant: event n is a function of (options, n): no state goes from one event to the next.
// Next: particle_gun.hpp (which particles), light.hpp (their photons), track_lanes.hpp (which event a
// sample is of), rich/reconstruction/reconstruction.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "rich/detector/detector.hpp"
#include "rich/events/event.hpp"
#include "rich/simulation/light.hpp"
#include "rich/simulation/particle_gun.hpp"
#include "rich/simulation/simulation_options.hpp"

namespace annulus::rich {

class Simulation {
 public:
  /// @throws UsageError as check_options
  explicit Simulation(const SimulationOptions& options);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  const SimulationOptions& options() const { return options_; }
  const Detector& detector() const { return detector_; }
  const LightSource& light(RichId id) const { return lights_[index_of(id)]; }

  /// What a thread needs to make events; one each, kept from event to event.
  class Workspace {
   public:
    explicit Workspace(const Simulation& simulation);

   private:
    friend class Simulation;
    std::vector<Particle> particles_;                           ///< tracks, then ghosts
    std::vector<std::uint32_t> channels_;                       ///< of one particle
    std::array<std::vector<std::int32_t>, kRichCount> owners_;  ///< per channel; kFree between events
    std::vector<std::uint32_t> fired_;
  };

  /// How many tracks an event has, without making it.
  std::uint32_t track_count(std::uint64_t number) const;
  /// Makes an event. Any number of threads may call it, each with a workspace of its own.
  Event event(std::uint64_t number, Workspace& workspace) const;

 private:
  std::uint32_t draw_tracks(Draws& draws) const;
  std::size_t make_particles(Event& event, Workspace& workspace) const;
  void make_hits(const Rich& rich, std::size_t tracks, Event& event, Workspace& workspace) const;
  Split split_of(std::uint64_t number) const;

  SimulationOptions options_;
  Detector detector_;
  std::array<LightSource, kRichCount> lights_;
  ParticleGun gun_;
};

}  // namespace annulus::rich
