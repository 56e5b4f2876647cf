// Corona images: photons of known angles land in the pixels they belong to.
#include "rich/images/corona.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "rich/images/image_maker.hpp"
#include "tests/rich/rich_test_support.hpp"

namespace annulus::rich {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

/// One image of one channel of points, and where they fell.
struct Drawn {
  Drawn(const CoronaOptions& options, const AngleWindow& window, const std::vector<float>& theta,
        const std::vector<float>& phi)
      : size(static_cast<std::size_t>(options.size)), pixels(options.bytes()) {
    draw_corona({theta, phi}, window, {pixels, 0, options});
  }
  int at(std::size_t row, std::size_t column) const { return pixels[row * size + column]; }
  int sum() const { return std::accumulate(pixels.begin(), pixels.end(), 0); }

  std::size_t size;
  std::vector<std::uint8_t> pixels;
};

const CoronaOptions kOneChannel{.detectors = CoronaDetectors::rich1};

TEST(Corona, AnglesAreRowsAndAzimuthsColumns) {
  const AngleWindow window{0.020f, 0.052f};  // 1 mrad a row

  const Drawn image(kOneChannel, window, {0.0255f, 0.0515f, 0.0199f, 0.0521f}, {0.0f, -kPi / 2, 0.0f, 0.0f});

  EXPECT_EQ(image.at(5, 16), 1);
  EXPECT_EQ(image.at(31, 8), 1);
  EXPECT_EQ(image.sum(), 2);  // the others lie outside the window
}

TEST(Corona, AzimuthsWrap) {
  const Drawn image(kOneChannel, {0, 0.06f}, {0.001f, 0.001f, 0.001f},
                    {kPi, -kPi, std::nextafter(kPi, 0.0f)});

  EXPECT_EQ(image.at(0, 0), 2);  // pi and -pi are the same direction
  EXPECT_EQ(image.at(0, 31) + image.at(0, 0), 3);
}

TEST(Corona, CountsAreClipped) {
  CoronaOptions options = kOneChannel;
  options.clip = 3;

  const Drawn image(options, {0, 0.06f}, std::vector<float>(5, 0.03f), std::vector<float>(5, 0.1f));

  EXPECT_EQ(image.sum(), 3);
}

TEST(Corona, HitsWithoutAnAngleAreLeftOut) {
  const Drawn image(kOneChannel, {0, 0.06f}, {-1.0f, NAN, INFINITY}, {0.0f, 0.0f, 0.0f});

  EXPECT_EQ(image.sum(), 0);
}

TEST(Corona, ScaledWindowsReachFromTheProtonToTheElectron) {
  const Detector detector = make_detector(Preset::run3);
  for (const Rich& rich : detector.riches) {
    const RadiatorModel radiator(rich);
    const double margin = rich.id == RichId::rich1 ? 2.7e-3 : 1.65e-3;
    for (const double momentum : {5.0, 25.0, 80.0}) {
      const AngleWindow window = corona_window(rich, radiator, CoronaWindow::scaled, momentum);

      const double proton = radiator.angle(Species::proton, momentum);
      EXPECT_NEAR(window.low, std::max(proton - margin, 0.0), 1e-8);
      EXPECT_NEAR(window.high, radiator.angle(Species::electron, momentum) + margin, 1e-8);
      EXPECT_EQ(proton == 0, window.low == 0);
    }
    EXPECT_EQ(corona_window(rich, radiator, CoronaWindow::fixed, 5).low, 0);
    EXPECT_FLOAT_EQ(corona_window(rich, radiator, CoronaWindow::fixed, 5).high,
                    rich.id == RichId::rich1 ? 0.060f : 0.034f);
  }
}

TEST(Corona, OptionsAreChecked) {
  EXPECT_THROW(check_options(CoronaOptions{.size = 3}), UsageError);
  EXPECT_THROW(check_options(CoronaOptions{.size = 257}), UsageError);
  EXPECT_THROW(check_options(CoronaOptions{.clip = 0}), UsageError);
  EXPECT_THROW(check_options(CoronaOptions{.clip = 256}), UsageError);
  EXPECT_NO_THROW(check_options(kLectureCorona));
}

/// An event of one track whose photons all have the same angle.
class RingImages : public testing::TestWithParam<RichId> {
 protected:
  static constexpr int kRings = 40;

  /// @return false when the track is of no use here
  bool make_ring(double theta) {
    const Segment segment = test::random_track(rich_, draws_);
    const Vector3 slope = (1 / segment.direction().z) * segment.direction();
    Track track{.inside = {false, false}};
    track.inside[which_] = true;
    track.measured.momentum = 60;
    track.measured.entries[which_] = {static_cast<float>(segment.entry.x),
                                      static_cast<float>(segment.entry.y), static_cast<float>(slope.x),
                                      static_cast<float>(slope.y)};
    event_ = {};
    event_.tracks = {track};
    const auto measured = usable_segment(rich_, track);
    if (!measured) return false;
    std::vector<std::uint32_t> channels;
    const Frame frame = frame_around(measured->direction());
    for (int i = 0; i < 64; ++i) {
      const double phi = draws_.uniform(-1, 1) * std::numbers::pi;
      const auto path = trace(rich_, {measured->middle(), direction_around(frame, theta, phi)});
      if (!path || path->half != rich_.half_at(measured->exit)) continue;
      if (const auto channel = rich_.panel.channel_at(path->panel))
        channels.push_back(rich_.channel_of(path->half, *channel));
    }
    std::ranges::sort(channels);
    channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
    for (const std::uint32_t channel : channels) event_.hits[which_].push_back({channel, 0});
    return channels.size() > 10;
  }

  std::vector<std::uint8_t> image_of(const CoronaOptions& options) {
    const ImageMaker maker(Preset::run3, {options});
    ImageMaker::Workspace workspace(maker);
    std::vector<std::uint8_t> image(options.bytes());
    features_.assign(kFeatures, 0);
    maker.make(event_, workspace, {.images = {image}, .features = features_});
    return image;
  }

  CoronaOptions fixed(CoronaCoordinates coordinates) const {
    return {.window = CoronaWindow::fixed,
            .coordinates = coordinates,
            .detectors = which_ == 0 ? CoronaDetectors::rich1 : CoronaDetectors::rich2,
            .clip = 255};
  }

  const Detector detector_ = make_detector(Preset::run3);
  const Rich& rich_ = detector_[GetParam()];
  const std::size_t which_ = index_of(GetParam());
  Draws draws_{9, Draws::Part::light_rich1, 0};
  Event event_;
  std::vector<float> features_;
};
INSTANTIATE_TEST_SUITE_P(BothRiches, RingImages, testing::ValuesIn(kRiches));

TEST_P(RingImages, RingsAreLines) {
  // The middle of a row; pixels of 2.9 and 6.1 mm blur it by half a row at most.
  const double row_rad = (which_ == 0 ? 60e-3 : 34e-3) / 32;
  for (int ring = 0; ring < kRings; ++ring) {
    const std::size_t row = 12 + static_cast<std::size_t>(ring) % 14;
    if (!make_ring((static_cast<double>(row) + 0.5) * row_rad)) continue;

    const std::vector<std::uint8_t> image = image_of(fixed(CoronaCoordinates::quartic));

    int inside = 0;
    int all = 0;
    for (std::size_t i = 0; i < image.size(); ++i) {
      all += image[i];
      if (i / 32 + 1 >= row && i / 32 <= row + 1) inside += image[i];
    }
    EXPECT_EQ(all, static_cast<int>(event_.hits[which_].size()));
    EXPECT_EQ(inside, all) << "row " << row;
  }
}

TEST_P(RingImages, RawCoordinatesAgreeUpToAberrations) {
  // Rings are ellipses of 1 %, up to 2 mm larger or smaller from track to track, and turned a little: two
  // rows and two columns.
  const double row_rad = (which_ == 0 ? 60e-3 : 34e-3) / 32;
  int photons = 0;
  int same_column = 0;
  for (int ring = 0; ring < kRings; ++ring) {
    if (!make_ring(20.5 * row_rad)) continue;

    const std::vector<std::uint8_t> quartic = image_of(fixed(CoronaCoordinates::quartic));
    const std::vector<std::uint8_t> raw = image_of(fixed(CoronaCoordinates::raw));

    for (std::size_t row = 0; row < 32; ++row)
      for (std::size_t column = 0; column < 32; ++column)
        if (raw[row * 32 + column] > 0) {
          EXPECT_NEAR(static_cast<double>(row), 20, 2.1);
        }
    for (std::size_t column = 0; column < 32; ++column) {
      const auto in_column = [column](const std::vector<std::uint8_t>& image, std::size_t shift) {
        int sum = 0;
        for (std::size_t row = 0; row < 32; ++row) sum += image[row * 32 + (column + shift) % 32];
        return sum;
      };
      const int expected = in_column(quartic, 0);
      photons += expected;
      same_column += std::min(expected, in_column(raw, 31) + in_column(raw, 0) + in_column(raw, 1));
    }
  }
  ASSERT_GT(photons, 500);
  EXPECT_GT(same_column, 0.97 * photons);
}

TEST_P(RingImages, FeaturesSayWhereRingsWouldBe) {
  CoronaOptions options = fixed(CoronaCoordinates::quartic);
  options.window = CoronaWindow::scaled;
  const RadiatorModel radiator(rich_);
  const auto feature = [this](const std::string& name) {
    const auto& names = feature_names();
    return features_[static_cast<std::size_t>(
        std::ranges::find(names, (which_ == 0 ? "rich1_" : "rich2_") + name) - names.begin())];
  };
  while (!make_ring(radiator.angle(Species::pion, 60)))
    ;

  const std::vector<std::uint8_t> image = image_of(options);

  const AngleWindow window = corona_window(rich_, radiator, CoronaWindow::scaled, 60);
  const double width = static_cast<double>(window.high - window.low);
  EXPECT_EQ(feature("seen"), 1);
  EXPECT_NEAR(feature("row_pion"), (radiator.angle(Species::pion, 60) - window.low) / width, 1e-5);
  EXPECT_EQ(feature("row_deuteron"), which_ == 1 ? 0 : feature("row_deuteron"));  // 61 GeV/c in RICH2
  EXPECT_GT(feature("row_electron"), feature("row_proton"));
  EXPECT_GT(feature("light_pion"), which_ == 0 ? 0.3 : 0.2);
  const double hits = std::accumulate(image.begin(), image.end(), 0.0);
  EXPECT_FLOAT_EQ(feature("hits"), static_cast<float>(hits) / (which_ == 0 ? 200 : 50));
  EXPECT_NEAR(features_[0], std::log10(6.0), 1e-6);
  EXPECT_THAT(features_, testing::Each(testing::AllOf(testing::Ge(-1.5f), testing::Le(3.0f))));
}

TEST_P(RingImages, TracksThatAreNotSeenHaveZeros) {
  while (!make_ring(0.02))
    ;
  const auto not_seen = [this] {
    const std::vector<std::uint8_t> image = image_of(fixed(CoronaCoordinates::quartic));
    EXPECT_THAT(image, testing::Each(0));
    const auto own = features_.begin() + 1 + static_cast<std::ptrdiff_t>(which_ * kRichFeatures);
    EXPECT_THAT(std::vector<float>(own, own + kRichFeatures), testing::Each(0.0f));
    EXPECT_THAT(features_, testing::Each(testing::Truly([](float value) { return std::isfinite(value); })));
  };

  Track& track = event_.tracks[0];
  const Track good = track;
  track.inside[which_] = false;
  not_seen();
  track = good;
  track.measured.entries[which_].slope_x = NAN;
  not_seen();
  track = good;
  track.measured.momentum = -3;
  not_seen();
}

}  // namespace
}  // namespace annulus::rich
