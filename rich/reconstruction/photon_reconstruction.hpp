// Photon candidates: every hit near the ring centre of a track, with the Cherenkov angles it would have were
// it the track's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rich/detector/optics.hpp"
#include "rich/detector/pixel_table.hpp"
#include "rich/events/event.hpp"
#include "rich/reconstruction/quartic.hpp"

namespace annulus::rich {

struct PhotonCandidate {
  std::uint32_t hit = 0;  ///< number in the event's hits of this RICH
  float theta = 0;
  float phi = 0;
  /// Part of the track's way through the gas from which photons in this direction meet the mirror of the
  /// hit's half, in (0, 1]: less than 1 only close to where the halves meet.
  float share = 1;
};

/// Finds the candidates of one event after another. Keeps its memory; one per thread.
class PhotonFinder {
 public:
  /// @param rich, pixels  outlive it
  PhotonFinder(const Rich& rich, const PixelTable& pixels);

  /// Takes the hits of an event. @pre channels ascend
  void load(std::span<const Hit> hits);

  /// Appends the candidates of a track: hits within the region of interest on the plane whose angles exist
  /// and whose half's mirror such photons meet, in ascending order.
  void find(const Segment& track, std::vector<PhotonCandidate>& candidates);

  /// Hits from this number on lie on the negative half.
  std::uint32_t first_negative() const { return first_negative_; }
  /// Where the hits are on their panel, mm, folded (Rich::fold).
  std::span<const float> u() const { return u_; }
  std::span<const float> v() const { return v_; }

  /// Radius of the region of interest on the photocathode plane, mm: the saturated ring and a margin.
  static double region_of_interest(RichId id) { return id == RichId::rich1 ? 115 : 155; }

 private:
  void find_on(Half half, const Segment& track, std::vector<PhotonCandidate>& candidates);
  bool is_near_other_half(const Segment& track) const;
  void set_shares(const Segment& track, std::size_t first, std::vector<PhotonCandidate>& candidates) const;
  /// The hits of one half from the first to behind the last whose v may lie between two values.
  std::pair<std::uint32_t, std::uint32_t> stretch(Half half, float low, float high) const;

  const Rich& rich_;
  const PixelTable& pixels_;
  std::uint32_t first_negative_ = 0;
  std::vector<float> u_, v_;
  /// Largest v of the hits up to each one, and smallest from each one on, on its half: both ascend. Channels
  /// run along u, so that they are close to v itself.
  std::vector<float> highest_v_, lowest_v_;
  std::array<std::vector<float>, 3> images_;
  // Of the track at hand.
  std::vector<std::uint32_t> near_;
  std::array<std::vector<float>, 3> near_images_;
  std::vector<float> theta_, phi_;
};

}  // namespace annulus::rich
