// Curves of networks and likelihood on the same tracks, and their pictures.
#include "rich/identification/curve_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "rich/identification/curve_pictures.hpp"

namespace annulus::rich {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Kaons and pions in turn, 1 to 40 GeV/c, of a network that is the surer of the truth the higher the number,
/// and never wrong below 20 GeV/c.
PidComparison made_up(int tracks = 400) {
  PidComparison comparison;
  NamedTracks& network = comparison.network;
  network.source = "made up";
  network.classes = {Species::pion, Species::proton, Species::kaon};
  for (int i = 0; i < tracks; ++i) {
    const bool kaon = i % 2 == 1;
    const float momentum = 1 + 0.1f * static_cast<float>(i);
    const bool wrong = momentum > 20 && i % 20 < 2;
    const float right = 0.7f + 0.0005f * static_cast<float>(i);
    const float other = (1 - right) / 2;
    network.labels.push_back(kaon ? 2 : 0);
    network.tracks.push_back(static_cast<std::uint64_t>(i));
    network.momentum.push_back(momentum);
    const bool says_kaon = kaon != wrong;
    for (const float p : {says_kaon ? other : right, other, says_kaon ? right : other})
      network.probabilities.push_back(p);
  }
  return comparison;
}

TEST(CurveSet, ScoresAreLogarithmsOfRatios) {
  const std::vector<MethodScores> scores = scores_of(made_up(), "net");

  ASSERT_EQ(scores.size(), 1u);  // no likelihood without events
  EXPECT_EQ(scores[0].name, "net");
  const double right = static_cast<double>(0.7f + 0.0005f);
  const double other = (1 - right) / 2;
  EXPECT_NEAR(scores[0].kaon_pion[1], std::log(right / other), 1e-5);
  EXPECT_NEAR(scores[0].heavy_light[1], std::log((right + other) / other), 1e-5);
  EXPECT_NEAR(scores[0].heavy_light[0], std::log(2 * 0.15 / 0.7), 1e-5);
}

TEST(CurveSet, SplitsTracksByMomentum) {
  const CurveSet set = curves_of({made_up()}, {"net"});

  EXPECT_THAT(set.methods, ElementsAre("net"));
  ASSERT_EQ(set.kaon_pion.size(), curve_bins().size());
  EXPECT_EQ(set.kaon_pion[0].kaons, 200u);
  std::uint64_t kaons = 0;
  for (std::size_t bin = 1; bin < set.kaon_pion.size(); ++bin) kaons += set.kaon_pion[bin].kaons;
  EXPECT_EQ(kaons, 200u);
  EXPECT_EQ(set.kaon_pion[2].at_90->misidentification, 0);  // 5 to 9.3 GeV/c: never wrong
  // Above 35.3 GeV/c one kaon in ten is wrong, and so is one pion: at 90 % neither is kept yet.
  EXPECT_GT(set.kaon_pion[5].at_90->misidentification, 0.05);
  for (const SeparationPoint& point : set.separations) {
    EXPECT_GE(point.kaons, kFewest);
    EXPECT_GT(point.separation.sigmas, 1);
  }
}

TEST(CurveSet, SeveralNetworksMustNameTheSameTracks) {
  PidComparison other = made_up();
  other.network.tracks[7] = 1000;

  EXPECT_EQ(curves_of({made_up(), made_up()}, {"a", "b"}).methods.size(), 2u);
  EXPECT_THROW(curves_of({made_up(), other}, {"a", "b"}), UsageError);
}

TEST(CurveSet, NeedsKaonsAndPionsAmongTheClasses) {
  PidComparison comparison = made_up();
  comparison.network.classes[2] = Species::deuteron;

  try {
    curves_of({comparison}, {"net"});
    FAIL() << "drew curves without kaons";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("made up"), HasSubstr("'kaon'")));
  }
}

/// The text of a picture in SVG.
std::string drawn(const io::Gnuplot& picture) {
  const std::string path = testing::TempDir() + "curves_" + std::to_string(getpid()) + ".svg";
  picture.draw(path, io::Existing::replace);
  std::ifstream stream(path);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(path);
  return text;
}

TEST(CurvePictures, HoldTitlesBinsAndMethods) {
  const CurveSet set = curves_of({made_up(), made_up()}, {"it's net_a", "net b"});

  EXPECT_THAT(drawn(kaon_pion_picture(set)),
              AllOf(HasSubstr("Kaons kept and pions mistaken"), HasSubstr("9.3 to 17.7 GeV/c"),
                    HasSubstr("it's net_a"), HasSubstr("net b"), HasSubstr("</svg>")));
  EXPECT_THAT(drawn(heavy_light_picture(set)), AllOf(HasSubstr("named heavy"), HasSubstr("all momenta")));
  EXPECT_THAT(drawn(separation_picture(set)),
              AllOf(HasSubstr("standard deviations"), HasSubstr("it's net_a"), Not(HasSubstr("too few"))));
}

TEST(CurvePictures, AreDrawnOfAlmostNoTracksToo) {
  const CurveSet set = curves_of({made_up(4)}, {"net"});

  EXPECT_THAT(drawn(kaon_pion_picture(set)), HasSubstr("</svg>"));
  EXPECT_THAT(drawn(heavy_light_picture(set)), HasSubstr("</svg>"));
  EXPECT_THAT(drawn(separation_picture(set)),
              AllOf(HasSubstr("too few kaons and pions"), HasSubstr("</svg>")));
}

}  // namespace
}  // namespace annulus::rich
