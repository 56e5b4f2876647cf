// From hits and measured tracks to particle hypotheses: photon candidates, expectations, background and the
// likelihood, event by event. Truth is never looked at.
//
// In: hits and measured tracks of one event.
// Out: of every track the log-likelihoods of all species, the best one, and what each RICH saw.
// Invariant: truth is never read; an event's result does not depend on the events before it.
// Next: quartic.hpp (one photon), photon_reconstruction.hpp (candidates), expectation.hpp (what a
// hypothesis expects), likelihood.hpp and .cpp (the decision).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "rich/detector/pixel_table.hpp"
#include "rich/detector/radiator.hpp"
#include "rich/events/event.hpp"
#include "rich/reconstruction/expectation.hpp"
#include "rich/reconstruction/likelihood.hpp"
#include "rich/reconstruction/photon_reconstruction.hpp"
#include "rich/reconstruction/resolution.hpp"

namespace annulus::rich {

enum class LikelihoodKind : std::uint8_t {
  global,  ///< all tracks of an event together, background from what they leave
  local,   ///< each track alone, background from all hits around
};

/// What one RICH says about a track.
struct RingSummary {
  std::uint32_t candidates = 0;  ///< hits in the region of interest
  float expected = 0;            ///< photons the best hypothesis expects
  float photons = 0;             ///< hits of its ring, by their probability to be its; merged photons are one
  float theta = 0;               ///< their mean Cherenkov angle; 0 when there are none
};

struct TrackIdentity {
  /// ln L of each hypothesis over that of the pion. All 0 for a track that neither RICH sees.
  std::array<float, kSpeciesCount> dll{};
  Species best = Species::pion;
  std::array<bool, kRichCount> seen{};  ///< by which RICH the measured track could be used
  std::array<RingSummary, kRichCount> rings{};
};

class Reconstruction {
 public:
  explicit Reconstruction(Preset preset);
  Reconstruction(const Reconstruction&) = delete;
  Reconstruction& operator=(const Reconstruction&) = delete;

  const Detector& detector() const { return detector_; }

  /// What a thread needs; one each, kept from event to event.
  class Workspace {
   public:
    explicit Workspace(const Reconstruction& reconstruction);

   private:
    friend class Reconstruction;
    struct RichTrack {
      bool seen = false;
      TrackExpectation expectation;
      std::uint32_t first = 0;  ///< candidates are [first, last)
      std::uint32_t last = 0;
    };
    struct PerRich {
      PhotonFinder finder;
      std::uint32_t first_pixel = 0;  ///< of this RICH's hits among the pixels of the problem
      std::vector<RichTrack> tracks;
      std::vector<PhotonCandidate> candidates;
      std::vector<std::uint32_t> region_of_hit;
      std::vector<double> region_hits;
      std::vector<double> region_expected;
      std::vector<double> region_background;
    };
    const Event* event_ = nullptr;  ///< of the run under way
    std::vector<PerRich> riches_;
    LikelihoodProblem problem_;
    std::vector<Species> hypotheses_;
    std::vector<double> explained_;  ///< nu of each pixel that fired, background included
    std::vector<TrackIdentity> result_;
  };

  /// @param event  any numbers of tracks and hits, also none. Tracks outside of both acceptances, or with
  /// values that are not numbers, come back with `seen` false and are pions.
  /// @return one per track, in the workspace
  /// @throws DataError for a hit in a corner of a panel that has no tubes
  const std::vector<TrackIdentity>& run(const Event& event, LikelihoodKind kind, Workspace& workspace) const;

  /// The problem that the last run set up, for those who want to look into the minimisation.
  static const LikelihoodProblem& problem(const Workspace& workspace) { return workspace.problem_; }

 private:
  struct Model {
    explicit Model(const Rich& rich);
    RadiatorModel radiator;
    PixelTable pixels;
    ResolutionModel resolution;
    ExpectationModel expectation;
  };

  void load(const Event& event, RichId id, Workspace& workspace) const;
  void set_up(const Event& event, Workspace& workspace) const;
  void add_terms(RichId id, double momentum, const Workspace::RichTrack& track, Workspace& workspace) const;
  void estimate_background(LikelihoodKind kind, Workspace& workspace) const;
  std::vector<PerSpecies> minimise(Workspace& workspace) const;
  RingSummary summarise(RichId id, std::size_t track, const Workspace& workspace) const;

  Detector detector_;
  std::array<std::unique_ptr<Model>, kRichCount> models_;
};

}  // namespace annulus::rich
