#include "rich/simulation/simulation.hpp"

#include <algorithm>
#include <limits>

namespace annulus::rich {
namespace {

constexpr std::int32_t kFree = std::numeric_limits<std::int32_t>::min();

/// Fluctuations beyond 500 tracks or so end here: a Poisson draw has its limit, and so have events.
constexpr double kLargestMean = 690;

const SimulationOptions& checked(const SimulationOptions& options) {
  check_options(options);
  return options;
}

}  // namespace

Simulation::Simulation(const SimulationOptions& options)
    : options_(checked(options)),
      detector_(make_detector(options.preset)),
      lights_{LightSource(detector_.riches[0]), LightSource(detector_.riches[1])},
      gun_(detector_, options_) {}

Simulation::Workspace::Workspace(const Simulation& simulation) {
  for (const Rich& rich : simulation.detector().riches)
    owners_[index_of(rich.id)].assign(rich.channels(), kFree);
}

Event Simulation::event(std::uint64_t number, Workspace& workspace) const {
  Event event{.number = number, .split = split_of(number), .tracks = {}, .hits = {}};
  const std::size_t tracks = make_particles(event, workspace);
  for (const Rich& rich : detector_.riches) make_hits(rich, tracks, event, workspace);
  return event;
}

Split Simulation::split_of(std::uint64_t number) const {
  const double at = Draws(options_.seed, Draws::Part::split, number).unit();
  if (at < options_.test_fraction) return Split::test;
  return at < options_.test_fraction + options_.validation_fraction ? Split::validation : Split::train;
}

/// The first draws of an event's particles.
std::uint32_t Simulation::draw_tracks(Draws& draws) const {
  const double mean = options_.tracks * draws.gamma(kMultiplicityShape) / kMultiplicityShape;
  return draws.poisson(std::min(mean, kLargestMean));
}

std::uint32_t Simulation::track_count(std::uint64_t number) const {
  Draws draws(options_.seed, Draws::Part::particles, number);
  return draw_tracks(draws);
}

/// @return the number of tracks; ghosts follow them in the workspace
std::size_t Simulation::make_particles(Event& event, Workspace& workspace) const {
  Draws draws(options_.seed, Draws::Part::particles, event.number);
  Draws errors(options_.seed, Draws::Part::measurement, event.number);
  const std::uint32_t tracks = draw_tracks(draws);
  const std::uint32_t ghosts = draws.poisson(std::min(tracks * options_.ghosts_per_track, kLargestMean));
  workspace.particles_.clear();
  for (std::uint32_t i = 0; i < tracks; ++i) {
    workspace.particles_.push_back(gun_.track(draws));
    event.tracks.push_back(gun_.measured(workspace.particles_.back(), errors));
  }
  for (std::uint32_t i = 0; i < ghosts; ++i) workspace.particles_.push_back(gun_.ghost(draws));
  return tracks;
}

void Simulation::make_hits(const Rich& rich, std::size_t tracks, Event& event, Workspace& workspace) const {
  const std::size_t which = index_of(rich.id);
  std::vector<std::int32_t>& owners = workspace.owners_[which];
  const auto fire = [&](std::uint32_t channel, std::int32_t source) {
    if (owners[channel] != kFree) return;  // binary: the first photon is all that counts
    owners[channel] = source;
    workspace.fired_.push_back(channel);
  };
  workspace.fired_.clear();
  Draws draws(options_.seed, which == 0 ? Draws::Part::light_rich1 : Draws::Part::light_rich2, event.number);
  for (std::size_t i = 0; i < workspace.particles_.size(); ++i) {
    const Particle& particle = workspace.particles_[i];
    if (!particle.segments[which]) continue;
    workspace.channels_.clear();
    lights_[which].shine({particle.species, particle.momentum, *particle.segments[which]}, draws,
                         workspace.channels_);
    for (const std::uint32_t channel : workspace.channels_)
      fire(channel, i < tracks ? static_cast<std::int32_t>(i) : kGhost);
    if (i < tracks) event.tracks[i].photons[which] = static_cast<std::uint16_t>(workspace.channels_.size());
  }
  Draws noise(options_.seed, Draws::Part::noise, 2 * event.number + which);
  const std::uint32_t noisy = noise.poisson(2 * options_.noise[which]);
  for (std::uint32_t i = 0; i < noisy; ++i) {
    std::uint32_t channel = 0;
    do channel = noise.below(rich.channels());
    while (!rich.panel.is_live(rich.panel_channel(channel)));
    fire(channel, kNoise);
  }
  std::ranges::sort(workspace.fired_);
  event.hits[which].reserve(workspace.fired_.size());
  for (const std::uint32_t channel : workspace.fired_) {
    event.hits[which].push_back({channel, owners[channel]});
    owners[channel] = kFree;
  }
}

}  // namespace annulus::rich
