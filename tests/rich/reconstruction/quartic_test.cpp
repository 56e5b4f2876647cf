// Cherenkov angles against exact ray tracing, roots against the closed form, and points no photon connects.
#include "rich/reconstruction/quartic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/rich/reconstruction/quartic_oracle.hpp"
#include "tests/rich/rich_test_support.hpp"

namespace annulus::rich {
namespace {

using test::random_photon;
using test::random_track;

constexpr int kTracks = 1000;
constexpr int kPhotonsPerTrack = 100;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Size of a difference of azimuths.
double turn(double difference) { return std::abs(std::remainder(difference, 2 * std::numbers::pi)); }

MirrorTriangle triangle_of(const Rich& rich, const Segment& track, const PhotonPath& path) {
  const double scale = 1 / rich.mirror_radius;
  const Vector3 e = scale * (rich.fold(path.half, track.middle()) - rich.mirror_centre);
  const Vector3 d = scale * (unfold(rich, rich.fold(path.half, path.hit)) - rich.mirror_centre);
  const Vector3 axis = unit(e);
  return {length(e), dot(d, axis), length(d - dot(d, axis) * axis)};
}

class Quartic : public testing::TestWithParam<RichId> {
 protected:
  const Detector detector_ = make_detector(Preset::run3);
  const Rich& rich_ = detector_[GetParam()];
};
INSTANTIATE_TEST_SUITE_P(BothRiches, Quartic, testing::ValuesIn(kRiches));

TEST_P(Quartic, ReferencePathGivesTracedAnglesToRounding) {
  Draws draws(1, Draws::Part::light_rich1, 0);
  double theta_error = 0;
  double phi_error = 0;

  for (int i = 0; i < kTracks; ++i) {
    const Segment track = random_track(rich_, draws);
    for (int j = 0; j < kPhotonsPerTrack; ++j) {
      const auto photon = random_photon(rich_, track, draws);
      if (!photon) continue;
      const auto angles = reference_angles(rich_, photon->path.half, track, photon->path.hit);
      ASSERT_TRUE(angles);
      theta_error = std::max(theta_error, std::abs(angles->theta - photon->theta));
      phi_error = std::max(phi_error, turn(angles->phi - photon->phi) * photon->theta);
    }
  }

  EXPECT_LT(theta_error, 1e-12) << "acceptance number A1";
  EXPECT_LT(phi_error, 1e-12);
}

TEST_P(Quartic, FastPathIsGoodToAMicroradian) {
  Draws draws(2, Draws::Part::light_rich1, 0);
  double theta_error = 0;
  double phi_error = 0;

  for (int i = 0; i < kTracks; ++i) {
    const Segment track = random_track(rich_, draws);
    std::vector<test::KnownPhoton> photons;
    std::array<std::vector<float>, 3> points;
    while (photons.size() < kPhotonsPerTrack) {
      const auto photon = random_photon(rich_, track, draws);
      if (!photon || (!photons.empty() && photon->path.half != photons[0].path.half)) continue;
      photons.push_back(*photon);
      const Vector3 folded = rich_.fold(photon->path.half, photon->path.hit);
      const Vector3 point = (1 / rich_.mirror_radius) * (unfold(rich_, folded) - rich_.mirror_centre);
      points[0].push_back(static_cast<float>(point.x));
      points[1].push_back(static_cast<float>(point.y));
      points[2].push_back(static_cast<float>(point.z));
    }
    std::vector<float> theta(photons.size());
    std::vector<float> phi(photons.size());
    fast_angles(EmissionPoint(rich_, photons[0].path.half, track), {points[0], points[1], points[2]}, theta,
                phi);
    for (std::size_t j = 0; j < photons.size(); ++j) {
      theta_error = std::max(theta_error, std::abs(theta[j] - photons[j].theta));
      phi_error = std::max(phi_error, turn(phi[j] - photons[j].phi) * photons[j].theta);
    }
  }

  EXPECT_LT(theta_error, 1e-6) << "acceptance number A1";
  EXPECT_LT(phi_error, 1e-6);
}

TEST_P(Quartic, PhysicalRootIsTheOnlyOneBetweenEmissionAndImage) {
  Draws draws(3, Draws::Part::light_rich1, 0);
  int photons = 0;

  while (photons < 10000) {
    const Segment track = random_track(rich_, draws);
    const auto photon = random_photon(rich_, track, draws);
    if (!photon) continue;
    ++photons;
    const MirrorTriangle triangle = triangle_of(rich_, track, photon->path);
    const std::vector<double> roots = test::ferrari_roots(triangle);
    const double gamma = std::atan2(triangle.d_y, triangle.d_x);
    const auto between = [gamma](double s) { return s > 0 && s < std::sin(gamma); };
    const auto solved = reference_sine(triangle);

    ASSERT_EQ(roots.size(), 2u) << "acceptance number A2";
    ASSERT_EQ(std::ranges::count_if(roots, between), 1) << "acceptance number A2";
    ASSERT_TRUE(between(roots.back())) << "the physical root is the largest";
    ASSERT_TRUE(solved);
    // The closed form takes differences of large terms; 1e-11 is what is left of long double.
    ASSERT_NEAR(*solved, roots.back(), 1e-11);
  }
}

TEST(QuarticFarFromTheAxis, BisectionTakesOverWhereNewtonStepsDoNotSuffice) {
  for (const double gamma : {0.8, 1.2, 1.5}) {
    const MirrorTriangle triangle{0.3, 0.9 * std::cos(gamma), 0.9 * std::sin(gamma)};

    const auto s = reference_sine(triangle);

    ASSERT_TRUE(s) << gamma;
    const double b = std::asin(*s);
    const double left = std::atan2(triangle.e * std::sin(b), 1 - triangle.e * std::cos(b));
    const double right = std::atan2(0.9 * std::sin(gamma - b), 1 - 0.9 * std::cos(gamma - b));
    EXPECT_NEAR(left, right, 1e-12) << "the law of reflection at gamma " << gamma;
  }
}

TEST(QuarticDegenerate, PointsOnOneLineReflectStraightBack) {
  EXPECT_EQ(reference_sine({0.86, 0.55, 0.0}), 0.0);
  EXPECT_EQ(reference_sine({0.86, -0.55, 0.0}), std::nullopt);
}

TEST(QuarticDegenerate, LengthsWithoutARootGiveNothing) {
  for (const MirrorTriangle& triangle : std::initializer_list<MirrorTriangle>{{0, 0.5, 0.1},
                                                                              {1e-9, 0.5, 0.1},
                                                                              {1, 0.5, 0.1},
                                                                              {1.2, 0.5, 0.1},
                                                                              {0.86, 0, 0},
                                                                              {0.86, 2, 0.1},
                                                                              {kNan, 0.5, 0.1},
                                                                              {0.86, kNan, 0.1},
                                                                              {0.86, 0.5, kNan},
                                                                              {0.86, 0.5, -0.1}})
    EXPECT_EQ(reference_sine(triangle), std::nullopt)
        << triangle.e << " " << triangle.d_x << " " << triangle.d_y;
}

/// Every combination of track and hit, possible or not: numbers or nothing, never NaN.
TEST_P(Quartic, NoGeometryGivesNan) {
  Draws draws(4, Draws::Part::light_rich1, 0);
  const Vector3 centre = rich_.mirror_centre;
  std::vector<Segment> tracks{random_track(rich_, draws),
                              {centre, centre},
                              {centre - Vector3{0, 0, 1}, centre + Vector3{0, 0, 1}},
                              {{0, 0, kNan}, {0, 0, 1}},
                              {{0, 0, 0}, {0, 0, rich_.mirror_radius * 3}}};
  std::vector<Vector3> hits{centre, {0, 0, 0}, {kNan, 0, 0}, {1e30, 1e30, 1e30}, tracks[0].middle()};
  for (int i = 0; i < 200; ++i) hits.push_back(rich_.pixel_position(draws.below(rich_.channels())));

  for (const Segment& track : tracks)
    for (const Half half : {Half::positive, Half::negative}) {
      std::array<std::vector<float>, 3> points;
      for (const Vector3& hit : hits) {
        const auto angles = reference_angles(rich_, half, track, hit);
        EXPECT_TRUE(!angles || (std::isfinite(angles->theta) && std::isfinite(angles->phi)));
        const Vector3 point =
            (1 / rich_.mirror_radius) * (unfold(rich_, rich_.fold(half, hit)) - rich_.mirror_centre);
        points[0].push_back(static_cast<float>(point.x));
        points[1].push_back(static_cast<float>(point.y));
        points[2].push_back(static_cast<float>(point.z));
      }
      std::vector<float> theta(hits.size(), -2);
      std::vector<float> phi(hits.size(), -20);
      fast_angles(EmissionPoint(rich_, half, track), {points[0], points[1], points[2]}, theta, phi);
      EXPECT_THAT(theta, testing::Each(
                             testing::AnyOf(kNoAngle, testing::AllOf(testing::Ge(0.0f), testing::Lt(3.2f)))));
      EXPECT_THAT(phi, testing::Each(testing::AllOf(testing::Ge(-3.2f), testing::Le(3.2f))));
    }
}

}  // namespace
}  // namespace annulus::rich
