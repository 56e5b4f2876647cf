// Images and features of all tracks of an event, for training and for networks at work. Truth is never looked
// at.
//
// In: hits and measured tracks of one event.
// Out: of every track one row: its images and its features.
// Invariant: a row depends on its event alone, so training on simulated rows and on rows of a file sees the
// same.
// Next: corona.hpp (what an image shows), track_features.hpp (what the features are), endless_source.hpp
// (rows as training data).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rich/detector/pixel_table.hpp"
#include "rich/detector/radiator.hpp"
#include "rich/events/event.hpp"
#include "rich/images/corona.hpp"
#include "rich/images/track_features.hpp"
#include "rich/reconstruction/expectation.hpp"
#include "rich/reconstruction/photon_reconstruction.hpp"

namespace annulus::rich {

/// Room for the tracks of one event, one row each.
struct ImageRows {
  std::vector<std::span<std::uint8_t>> images;  ///< of each kind: (tracks, size, size, channels), all 0
  std::span<float> features;                    ///< (tracks, kFeatures)
};

class ImageMaker {
 public:
  /// @param kinds  what images to make of each track, at least one. Features follow the window of the first.
  /// @throws UsageError as check_options
  ImageMaker(Preset preset, std::vector<CoronaOptions> kinds);
  ImageMaker(const ImageMaker&) = delete;
  ImageMaker& operator=(const ImageMaker&) = delete;

  const std::vector<CoronaOptions>& kinds() const { return kinds_; }

  /// What a thread needs; one each, kept from event to event.
  class Workspace {
   public:
    explicit Workspace(const ImageMaker& maker);

   private:
    friend class ImageMaker;
    std::vector<PhotonFinder> finders_;  ///< of each RICH
    // Of the track at hand.
    std::vector<PhotonCandidate> candidates_;
    std::vector<float> theta_, phi_, raw_theta_, raw_phi_;
    TrackExpectation expectation_;
  };

  /// Draws the images of an event's tracks. A RICH that does not see a track leaves zeros. Any number of
  /// threads may call it, each with a workspace of its own.
  void make(const Event& event, Workspace& workspace, const ImageRows& rows) const;

 private:
  struct Model {
    explicit Model(const Rich& rich);
    RadiatorModel radiator;
    PixelTable pixels;
    ExpectationModel expectation;
  };

  void find_angles(const Rich& rich, const Segment& segment, Workspace& workspace) const;
  void find_raw_angles(const Rich& rich, const Segment& segment, Workspace& workspace) const;
  void draw(const Event& event, std::size_t track, RichId id, Workspace& workspace,
            const ImageRows& rows) const;

  Detector detector_;
  std::vector<CoronaOptions> kinds_;
  std::array<bool, kRichCount> needs_raw_{};
  std::array<std::unique_ptr<Model>, kRichCount> models_;
};

}  // namespace annulus::rich
