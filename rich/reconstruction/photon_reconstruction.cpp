#include "rich/reconstruction/photon_reconstruction.hpp"

#include <algorithm>
#include <cmath>

namespace annulus::rich {
namespace {

/// Tracks that meet the mirror closer to the other half than this have photons there: theta times the longest
/// path is 60 mm in both detectors.
constexpr double kSharedEdge = 80;

}  // namespace

PhotonFinder::PhotonFinder(const Rich& rich, const PixelTable& pixels) : rich_(rich), pixels_(pixels) {}

void PhotonFinder::load(std::span<const Hit> hits) {
  for (auto* column : {&u_, &v_, &images_[0], &images_[1], &images_[2]}) column->resize(hits.size());
  first_negative_ = static_cast<std::uint32_t>(hits.size());
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (rich_.half_of_channel(hits[i].channel) == Half::negative)
      first_negative_ = std::min(first_negative_, static_cast<std::uint32_t>(i));
    const PixelTable::Pixel& pixel = pixels_[rich_.panel_channel(hits[i].channel)];
    u_[i] = pixel.u;
    v_[i] = pixel.v;
    images_[0][i] = pixel.image_x;
    images_[1][i] = pixel.image_y;
    images_[2][i] = pixel.image_z;
  }
  // Hits come in the order of channels, i.e. of tubes, so v rises along them only roughly. The largest v so
  // far and the smallest v to come are sorted, and stretch() can search in them: of
  //     v           1 3 2 5 4 7        highest_v_  1 3 3 5 5 7        lowest_v_  1 2 2 4 4 7
  // the hits with v in [2, 5) are among [first highest_v_ >= 2, first lowest_v_ >= 5), here 3 2 5 4.
  highest_v_ = v_;
  lowest_v_ = v_;
  for (std::size_t i = 1; i < hits.size(); ++i)
    if (i != first_negative_) highest_v_[i] = std::max(highest_v_[i], highest_v_[i - 1]);
  for (std::size_t i = hits.size(); i-- > 1;)
    if (i != first_negative_) lowest_v_[i - 1] = std::min(lowest_v_[i - 1], lowest_v_[i]);
}

std::pair<std::uint32_t, std::uint32_t> PhotonFinder::stretch(Half half, float low, float high) const {
  const auto first = highest_v_.begin();
  const auto begin = first + (half == Half::positive ? 0 : first_negative_);
  const auto end = half == Half::positive ? first + first_negative_ : highest_v_.end();
  const auto from = std::lower_bound(begin, end, low) - first;
  const auto to =
      std::lower_bound(lowest_v_.begin() + from, lowest_v_.begin() + (end - first), high) - lowest_v_.begin();
  return {static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)};
}

bool PhotonFinder::is_near_other_half(const Segment& track) const {
  const Vector3 folded = rich_.fold(rich_.half_at(track.exit), track.exit);
  return (rich_.id == RichId::rich1 ? folded.y : folded.x) < kSharedEdge;
}

void PhotonFinder::find(const Segment& track, std::vector<PhotonCandidate>& candidates) {
  if (!is_near_other_half(track)) {
    find_on(rich_.half_at(track.exit), track, candidates);
    return;
  }
  const std::size_t first = candidates.size();
  find_on(Half::positive, track, candidates);
  find_on(Half::negative, track, candidates);
  set_shares(track, first, candidates);
}

/// The solver takes mirrors for whole spheres, and would find every ring near the edge on both halves. A
/// photon that leaves the track a part f of its way before the mirror meets it f L tan(theta) from where the
/// track does; where this crosses over to the other half divides the way.
void PhotonFinder::set_shares(const Segment& track, std::size_t first,
                              std::vector<PhotonCandidate>& candidates) const {
  const auto across = [this](const Vector3& a) {
    return static_cast<float>(rich_.id == RichId::rich1 ? a.y : a.x);
  };
  const Frame frame = frame_around(track.direction());
  const auto length = static_cast<float>(track.path());
  const float axis_x = across(frame.x);
  const float axis_y = across(frame.y);
  const float track_at = across(track.exit);
  std::size_t kept = first;
  for (std::size_t i = first; i < candidates.size(); ++i) {
    PhotonCandidate candidate = candidates[i];
    const float theta = candidate.theta;
    const float farthest = length * theta * (1 + theta * theta / 3);  // L tan(theta), theta < 0.1
    const bool begins_here = (candidate.hit < first_negative_) == (track_at > 0);
    candidate.share = begins_here ? 1.0f : 0.0f;
    if (farthest > std::abs(track_at)) {
      const float sideways = std::cos(candidate.phi) * axis_x + std::sin(candidate.phi) * axis_y;
      const float crossing = -track_at / (farthest * sideways);  // part of the way, from the mirror
      if (crossing > 0 && crossing < 1) candidate.share = begins_here ? crossing : 1 - crossing;
    }
    if (candidate.share > 0) candidates[kept++] = candidate;
  }
  candidates.resize(kept);
}

void PhotonFinder::find_on(Half half, const Segment& track, std::vector<PhotonCandidate>& candidates) {
  const auto centre = trace_on(rich_, half, {track.middle(), track.direction()});
  if (!centre) return;
  const auto u = static_cast<float>(centre->panel.u);
  const auto v = static_cast<float>(centre->panel.v);
  const auto radius = static_cast<float>(region_of_interest(rich_.id));
  const auto [begin, end] = stretch(half, v - radius, v + radius);
  // Written always, counted only when near: no branch that the processor would guess wrong half of the time.
  near_.resize(end - begin);
  std::size_t count = 0;
  for (std::uint32_t i = begin; i < end; ++i) {
    const float du = u_[i] - u;
    const float dv = v_[i] - v;
    near_[count] = i;
    count += du * du + dv * dv < radius * radius ? 1 : 0;
  }
  near_.resize(count);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    near_images_[axis].resize(count);
    for (std::size_t k = 0; k < count; ++k) near_images_[axis][k] = images_[axis][near_[k]];
  }
  theta_.resize(count);
  phi_.resize(count);
  fast_angles(EmissionPoint(rich_, half, track), {near_images_[0], near_images_[1], near_images_[2]}, theta_,
              phi_);
  for (std::size_t k = 0; k < count; ++k)
    if (theta_[k] > kNoAngle) candidates.push_back({.hit = near_[k], .theta = theta_[k], .phi = phi_[k]});
}

}  // namespace annulus::rich
