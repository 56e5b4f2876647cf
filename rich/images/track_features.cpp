#include "rich/images/track_features.hpp"

#include <algorithm>
#include <cmath>

namespace annulus::rich {
namespace {

// Scales that bring the features of usual events to order one.
constexpr double kMomentum = 10;
constexpr std::array<float, kRichCount> kRingHits{200, 50};
constexpr float kLight = 50;
constexpr float kTracks = 50;
constexpr float kHits = 2000;

std::vector<std::string> make_names() {
  std::vector<std::string> names{"log_momentum"};
  for (const char* rich : {"rich1_", "rich2_"}) {
    for (const char* name : {"seen", "hits"}) names.push_back(std::string(rich) + name);
    for (const char* kind : {"row_", "light_"})
      for (const std::string_view species : enum_words<Species>())
        names.push_back(std::string(rich) + kind + std::string(species));
  }
  for (const char* name : {"tracks", "hits"}) names.emplace_back(name);
  return names;
}

}  // namespace

const std::vector<std::string>& feature_names() {
  static const std::vector<std::string> names = make_names();
  return names;
}

void fill_features(const Event& event, const Track& track, std::span<float> features) {
  std::ranges::fill(features, 0.0f);
  const double momentum = static_cast<double>(track.measured.momentum);
  // A file may hold momenta that are not numbers of a flying track; no network is to see infinities.
  if (momentum > 0 && std::isfinite(momentum))
    features.front() = static_cast<float>(std::log10(momentum / kMomentum));
  features[kFeatures - 2] = static_cast<float>(event.tracks.size()) / kTracks;
  features[kFeatures - 1] = static_cast<float>(event.hits[0].size() + event.hits[1].size()) / kHits;
}

void fill_features(RichId id, const RichFeatures& values, std::span<float> features) {
  const std::span<float> own = features.subspan(1 + index_of(id) * kRichFeatures, kRichFeatures);
  own[0] = 1;
  own[1] = static_cast<float>(values.hits) / kRingHits[index_of(id)];
  for (std::size_t h = 0; h < kSpeciesCount; ++h) {
    const RingExpectation& ring = values.expectation.rings[h];
    if (!(ring.theta > 0)) continue;
    own[2 + h] = values.window.position(static_cast<float>(ring.theta));
    own[2 + kSpeciesCount + h] = static_cast<float>(ring.detected) / kLight;
  }
}

}  // namespace annulus::rich
