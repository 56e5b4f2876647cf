// Indices, angles, thresholds and yields against the LHCb detector description and published values.
#include "rich/detector/radiator.hpp"

#include <gtest/gtest.h>

#include "rich/detector/gas.hpp"
#include "rich/detector/photodetector.hpp"

namespace annulus::rich {
namespace {

/// A radiator without the residual efficiency that a preset adds.
RadiatorModel radiator_of(RichId id) {
  Rich rich = make_detector(Preset::run3)[id];
  rich.efficiency = 1;
  return RadiatorModel(rich);
}

struct IndexAt {
  double energy_ev;
  double c4f10;
  double cf4;
};

TEST(Gas, IndexFollowsLorentzLorenz) {
  // (n - 1) * 1000, evaluated from the same parameters by another program; rounded to the last digit given.
  const std::vector<IndexAt> table{{2.0, 1.359, 0.4490},
                                   {3.0, 1.379, 0.4547},
                                   {4.0, 1.407, 0.4630},
                                   {5.0, 1.445, 0.4741},
                                   {6.0, 1.494, 0.4885}};
  for (const IndexAt& row : table) {
    EXPECT_NEAR(1e3 * (refractive_index(kC4F10, row.energy_ev) - 1), row.c4f10, 6e-4) << row.energy_ev;
    EXPECT_NEAR(1e3 * (refractive_index(kCF4, row.energy_ev) - 1), row.cf4, 6e-5) << row.energy_ev;
  }
}

TEST(Photodetector, EfficiencyIsThatOfTheTubes) {
  EXPECT_NEAR(quantum_efficiency(3.9), 0.39, 1e-12);
  EXPECT_NEAR(quantum_efficiency(2.5), 0.1775, 1e-12);  // halfway between two knots
  EXPECT_EQ(quantum_efficiency(kLowestEnergyEv), 0);
  EXPECT_EQ(quantum_efficiency(kHighestEnergyEv), 0);
}

TEST(Photodetector, MirrorsFallOffInTheUltraviolet) {
  for (const RichId rich : kRiches)
    for (const Mirror mirror : {Mirror::spherical, Mirror::flat}) {
      EXPECT_GT(reflectivity(rich, mirror, 4.1), 0.9);  // 302 nm
      EXPECT_LT(reflectivity(rich, mirror, 5.9), 0.8);  // 210 nm
    }
  EXPECT_NEAR(reflectivity(RichId::rich1, Mirror::flat, 1239.84198 / 235), 0.74, 1e-6);
  EXPECT_NEAR(reflectivity(RichId::rich2, Mirror::spherical, 1239.84198 / 400), 0.90, 1e-6);
}

TEST(Photodetector, WindowTransmitsWithoutCoating) {
  EXPECT_GT(window_transmission(), 0.92);
  EXPECT_LT(window_transmission(), 0.935);
}

TEST(Radiator, MeanIndexAndSaturatedAngle) {
  const RadiatorModel rich1 = radiator_of(RichId::rich1);
  const RadiatorModel rich2 = radiator_of(RichId::rich2);

  // 1 %: what differences between the mirror tables of this and that program leave.
  EXPECT_NEAR(rich1.mean_index() - 1, 1.409e-3, 0.01 * 1.409e-3);
  EXPECT_NEAR(rich2.mean_index() - 1, 4.66e-4, 0.01 * 4.66e-4);
  EXPECT_NEAR(rich1.saturated_angle(), 53.06e-3, 0.3e-3);
  EXPECT_NEAR(rich2.saturated_angle(), 30.51e-3, 0.3e-3);
  EXPECT_NEAR(rich1.mean_energy(), 3.95, 0.05);
  EXPECT_NEAR(rich2.mean_energy(), 4.14, 0.05);
}

TEST(Radiator, ThresholdsAreThoseOfTheDetectors) {
  const RadiatorModel rich1 = radiator_of(RichId::rich1);
  const RadiatorModel rich2 = radiator_of(RichId::rich2);

  EXPECT_NEAR(rich1.threshold(Species::pion), 2.63, 0.015 * 2.63);
  EXPECT_NEAR(rich1.threshold(Species::kaon), 9.30, 0.015 * 9.30);
  EXPECT_NEAR(rich1.threshold(Species::proton), 17.7, 0.015 * 17.7);
  EXPECT_NEAR(rich1.threshold(Species::deuteron), 35.3, 0.015 * 35.3);
  EXPECT_NEAR(rich2.threshold(Species::kaon), 16.2, 0.02 * 16.2);
  EXPECT_NEAR(rich2.threshold(Species::proton), 30.7, 0.02 * 30.7);
  EXPECT_NEAR(rich2.threshold(Species::deuteron), 61.5, 0.02 * 61.5);
}

TEST(Radiator, AngleVanishesAtThresholdAndGrowsTowardsSaturation) {
  const RadiatorModel rich1 = radiator_of(RichId::rich1);
  const double threshold = rich1.threshold(Species::kaon);

  EXPECT_EQ(rich1.angle(Species::kaon, 0.999 * threshold), 0);
  EXPECT_GT(rich1.angle(Species::kaon, 1.001 * threshold), 0);
  EXPECT_NEAR(rich1.angle(Species::kaon, 20), 46.98e-3, 0.3e-3);  // ring table of the fact sheet
  EXPECT_NEAR(rich1.angle(Species::electron, 100), rich1.saturated_angle(), 1e-6);
}

TEST(Radiator, YieldGrowsWithMomentumAsTheory) {
  for (const RichId id : kRiches) {
    const RadiatorModel radiator = radiator_of(id);
    for (const Species species : {Species::pion, Species::kaon, Species::proton})
      for (const double momentum : {1.3, 2.0, 5.0, 20.0}) {
        const double p = momentum * radiator.threshold(species);
        // 3 % of a full ring: the formula takes one index for the whole spectrum.
        EXPECT_NEAR(radiator.yield_fraction(species, p), 1 - 1 / (momentum * momentum), 0.03);
      }
  }
}

TEST(Radiator, NothingRadiatesBelowTheThresholdOfTheLargestIndex) {
  const RadiatorModel rich1 = radiator_of(RichId::rich1);

  EXPECT_EQ(rich1.yield_fraction(Species::kaon, 8.5), 0);
  EXPECT_GT(rich1.yield_fraction(Species::kaon, 9.2), 0);  // ultraviolet photons see a larger index
}

TEST(Radiator, SpectrumOfDrawsHasItsMoments) {
  const RadiatorModel radiator = radiator_of(RichId::rich2);
  constexpr int kDraws = 100000;
  double energy = 0;
  double index = 0;
  double square = 0;

  for (int i = 0; i < kDraws; ++i) {
    const RadiatorModel::Photon photon = radiator.photon((i + 0.5) / kDraws);
    energy += photon.energy_ev / kDraws;
    index += (photon.index - 1) / kDraws;
    square += (photon.index - 1) * (photon.index - 1) / kDraws;
  }

  // Inverting the integral by straight lines between 4096 points.
  EXPECT_NEAR(energy, radiator.mean_energy(), 1e-3);
  EXPECT_NEAR(index, radiator.mean_index() - 1, 1e-4 * index);
  EXPECT_NEAR(std::sqrt(square - index * index), radiator.index_spread(), 0.01 * radiator.index_spread());
}

}  // namespace
}  // namespace annulus::rich
