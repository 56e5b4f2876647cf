// Photon candidates of simulated rings: resolution and bias, and that none is lost or invented.
#include "rich/reconstruction/photon_reconstruction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "rich/reconstruction/resolution.hpp"
#include "rich/simulation/light.hpp"
#include "rich/simulation/particle_gun.hpp"
#include "tests/rich/rich_test_support.hpp"

namespace annulus::rich {
namespace {

class PhotonReconstruction : public testing::TestWithParam<RichId> {
 protected:
  /// Hits of one saturated ring.
  std::vector<Hit> shine(const Segment& track) {
    std::vector<std::uint32_t> channels;
    light_.shine({Species::electron, 80, track}, draws_, channels);
    std::ranges::sort(channels);
    channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
    std::vector<Hit> hits;
    for (const std::uint32_t channel : channels) hits.push_back({channel, 0});
    return hits;
  }

  const Detector detector_ = make_detector(Preset::run3);
  const Rich& rich_ = detector_[GetParam()];
  const LightSource light_{rich_};
  const PixelTable pixels_{rich_};
  PhotonFinder finder_{rich_, pixels_};
  Draws draws_{1, Draws::Part::light_rich1, 0};
};
INSTANTIATE_TEST_SUITE_P(BothRiches, PhotonReconstruction, testing::ValuesIn(kRiches));

TEST_P(PhotonReconstruction, SaturatedRingsHaveTheExpectedResolutionAndNoBias) {
  const bool first = GetParam() == RichId::rich1;
  double sum = 0;
  double squares = 0;
  std::size_t photons = 0;
  std::size_t hits = 0;
  std::vector<PhotonCandidate> candidates;

  const SimulationOptions options;
  const ParticleGun gun(detector_, options);
  for (int i = 0; i < 4000; ++i) {
    const auto segment = gun.track(draws_).segments[index_of(GetParam())];
    if (!segment) continue;
    const Segment& track = *segment;
    const std::vector<Hit> ring = shine(track);
    hits += ring.size();
    candidates.clear();
    finder_.load(ring);
    finder_.find(track, candidates);
    for (const PhotonCandidate& candidate : candidates) {
      const double residual = static_cast<double>(candidate.theta) - light_.radiator().saturated_angle();
      sum += residual;
      squares += residual * residual;
    }
    photons += candidates.size();
  }

  const auto count = static_cast<double>(photons);
  const double bias = sum / count;
  // Close to where the halves meet, a photon from the start of the track can reach a mirror that one from its
  // middle cannot.
  EXPECT_GT(count, 0.98 * static_cast<double>(hits));
  EXPECT_NEAR(std::sqrt(squares / count - bias * bias), first ? 0.805e-3 : 0.470e-3,
              (first ? 0.805e-3 : 0.470e-3) * 0.06)
      << "acceptance number A11";
  EXPECT_LT(std::abs(bias), first ? 0.010e-3 : 0.005e-3) << "acceptance number A12";
}

TEST_P(PhotonReconstruction, ResolutionModelAddsUpToTheSame) {
  const ResolutionModel model(rich_, light_.radiator());
  const double theta = light_.radiator().saturated_angle();
  const bool first = GetParam() == RichId::rich1;
  // RICH2's hits lie on pixels of two sizes.
  const double pixel = first ? model.pixel(2.875) : 0.244e-3;

  const double total = std::sqrt(std::pow(model.chromatic(theta), 2) + std::pow(model.emission(theta), 2) +
                                 std::pow(pixel, 2));

  EXPECT_NEAR(total, first ? 0.805e-3 : 0.470e-3, (first ? 0.805e-3 : 0.470e-3) * 0.06)
      << "acceptance number A11";
}

TEST_P(PhotonReconstruction, SeparationOfIsolatedKaonsAndPions) {
  double combined40 = 0;
  double combined80 = 0;
  for (const Rich& rich : detector_.riches) {
    const LightSource light(rich);
    const bool first = rich.id == RichId::rich1;
    for (const double momentum : {40.0, 80.0}) {
      const double difference =
          light.radiator().angle(Species::pion, momentum) - light.radiator().angle(Species::kaon, momentum);
      const double photons = (first ? 59 : 35) * light.radiator().yield_fraction(Species::kaon, momentum);
      const ResolutionModel model(rich, light.radiator());
      const double theta = light.radiator().saturated_angle();
      const double single =
          std::sqrt(std::pow(model.chromatic(theta), 2) + std::pow(model.emission(theta), 2) +
                    std::pow(first ? model.pixel(2.875) : 0.244e-3, 2));
      // Half of the track's error moves the ring as a whole.
      const double error = std::hypot(single / std::sqrt(photons), 0.5 * rich.direction_error(momentum));
      (momentum == 40 ? combined40 : combined80) += std::pow(difference / error, 2);
    }
  }

  EXPECT_NEAR(std::sqrt(combined40), 19.3, 1.93) << "acceptance number A15";
  EXPECT_NEAR(std::sqrt(combined80), 4.8, 0.48) << "acceptance number A15";
}

TEST_P(PhotonReconstruction, AnglesAgreeWithTheReferencePath) {
  std::vector<PhotonCandidate> candidates;

  for (int i = 0; i < 100; ++i) {
    const Segment track = test::random_track(rich_, draws_);
    const std::vector<Hit> ring = shine(track);
    candidates.clear();
    finder_.load(ring);
    finder_.find(track, candidates);
    for (const PhotonCandidate& candidate : candidates) {
      const std::uint32_t channel = ring[candidate.hit].channel;
      const auto exact =
          reference_angles(rich_, rich_.half_of_channel(channel), track, rich_.pixel_position(channel));
      ASSERT_TRUE(exact);
      EXPECT_NEAR(candidate.theta, exact->theta, 1e-6);
    }
  }
}

TEST_P(PhotonReconstruction, NoHitsGiveNoCandidates) {
  std::vector<PhotonCandidate> candidates;

  finder_.load({});
  finder_.find(test::random_track(rich_, draws_), candidates);

  EXPECT_THAT(candidates, testing::IsEmpty());
}

}  // namespace
}  // namespace annulus::rich
