// Panels, tubes and pixels: every channel has one place and every place at most one channel.
#include "rich/detector/detector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

class EveryPanel : public testing::TestWithParam<std::tuple<Preset, RichId>> {
 protected:
  Detector detector_ = make_detector(std::get<0>(GetParam()));
  const Rich& rich_ = detector_[std::get<1>(GetParam())];
};

TEST_P(EveryPanel, ChannelsAndPlacesMatch) {
  const Panel& panel = rich_.panel;
  std::uint32_t dead = 0;

  for (std::uint32_t channel = 0; channel < panel.channels(); ++channel) {
    const PanelPoint centre = panel.pixel_centre(channel);
    const auto found = panel.channel_at(centre);
    if (!found)
      ++dead;
    else
      ASSERT_EQ(*found, channel);
    ASSERT_EQ(panel.is_live(channel), found.has_value());
    ASSERT_LT(std::abs(centre.u), panel.half_u);
    ASSERT_LT(std::abs(centre.v), panel.half_v);
  }

  EXPECT_EQ(dead == 0, rich_.id == RichId::rich2);  // only RICH1 lacks corners
}

TEST_P(EveryPanel, PixelsEndWhereTheirNeighboursBegin) {
  const Panel& panel = rich_.panel;
  const std::uint32_t channel = panel.channels() / 2;
  const PanelPoint centre = panel.pixel_centre(channel);
  const double half = std::sqrt(panel.pixel_area(channel)) / 2;

  EXPECT_EQ(panel.channel_at({centre.u - 0.999 * half, centre.v - 0.999 * half}), channel);
  EXPECT_EQ(panel.channel_at({centre.u + 0.999 * half, centre.v + 0.999 * half}), channel);
  EXPECT_NE(panel.channel_at({centre.u - 1.001 * half, centre.v}), channel);
  EXPECT_NE(panel.channel_at({centre.u, centre.v + 1.001 * half}), channel);
}

TEST_P(EveryPanel, PixelsOfTheOtherHalfAreMirrored) {
  const std::uint32_t own = 17;
  const std::uint32_t other = rich_.channel_of(Half::negative, own);

  EXPECT_EQ(rich_.half_of_channel(other), Half::negative);
  EXPECT_EQ(rich_.panel_channel(other), own);
  EXPECT_EQ(rich_.pixel_position(other), rich_.fold(Half::negative, rich_.pixel_position(own)));
  EXPECT_EQ(rich_.half_at(rich_.pixel_position(other)), Half::negative);
}

TEST_P(EveryPanel, AxesAreOrthonormal) {
  const Panel& panel = rich_.panel;

  EXPECT_NEAR(length(panel.normal), 1, 1e-15);
  EXPECT_NEAR(length(panel.axis_u), 1, 1e-15);
  EXPECT_NEAR(length(panel.axis_v), 1, 1e-15);
  EXPECT_NEAR(dot(panel.axis_u, panel.axis_v), 0, 1e-15);
  EXPECT_NEAR(dot(panel.axis_u, panel.normal), 0, 1e-15);
  const PanelPoint there{12.5, -70};
  const PanelPoint back = panel.local(panel.global(there));
  EXPECT_NEAR(back.u, there.u, 1e-11);  // rounding of coordinates of some metres
  EXPECT_NEAR(back.v, there.v, 1e-11);
}

INSTANTIATE_TEST_SUITE_P(All, EveryPanel,
                         testing::Combine(testing::Values(Preset::run3, Preset::hpd),
                                          testing::ValuesIn(kRiches)));

std::uint32_t live_channels(const Rich& rich) {
  std::uint32_t live = 0;
  for (std::uint32_t i = 0; i < rich.panel.channels(); ++i) live += rich.panel.is_live(i) ? 2 : 0;
  return live;
}

TEST(Run3, HasTheTubesOfTheDetector) {
  const Detector detector = make_detector(Preset::run3);

  EXPECT_EQ(live_channels(detector[RichId::rich1]), 1888U * 64);
  EXPECT_EQ(live_channels(detector[RichId::rich2]), (768U + 384U) * 64);
}

TEST(Run3, FillFactorsAreThoseOfTheTubes) {
  const Detector detector = make_detector(Preset::run3);

  EXPECT_NEAR(detector[RichId::rich1].panel.blocks[0].fill(), 0.665, 0.005);
  EXPECT_NEAR(detector[RichId::rich2].panel.blocks[0].fill(), 0.74, 0.005);
  EXPECT_NEAR(detector[RichId::rich2].panel.blocks[1].fill(), 0.665, 0.005);
}

TEST(Hpd, PixelsHaveTheirSizeAtThePhotocathode) {
  const Detector detector = make_detector(Preset::hpd);

  for (const Rich& rich : detector.riches)
    for (const TubeBlock& block : rich.panel.blocks) EXPECT_NEAR(block.pixel_size(), 2.5, 0.1);
}

TEST(Panel, NothingBeyondTheLiveArea) {
  const Detector detector = make_detector(Preset::run3);
  const Panel& panel = detector[RichId::rich2].panel;
  const double nan = std::nan("");

  EXPECT_EQ(panel.channel_at({panel.half_u + 1, 0}), std::nullopt);
  EXPECT_EQ(panel.channel_at({0, -panel.half_v - 1}), std::nullopt);
  EXPECT_EQ(panel.channel_at({nan, 0}), std::nullopt);
  EXPECT_EQ(panel.block_at({0, nan}), nullptr);
}

TEST(Preset, UnknownNamesAreRefused) {
  EXPECT_EQ(preset_named("hpd"), Preset::hpd);
  EXPECT_THAT([] { preset_named("run4"); },
              testing::ThrowsMessage<UsageError>(testing::HasSubstr("'run4' is not a preset")));
}

}  // namespace
}  // namespace annulus::rich
