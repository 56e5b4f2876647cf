// Figures of particle identification: the lecture's published ones to the last digit, those of the field by
// hand, and both as text.
#include "rich/identification/pid_table.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "rich/identification/pid_text.hpp"

namespace annulus::rich {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The lecture's result: 2985 test tracks; electron, kaon, muon, pion, proton.
PidTable lecture_table() {
  constexpr std::array<std::array<std::uint64_t, 5>, 5> kCounts{
      {{1, 1, 0, 72, 2}, {0, 301, 0, 174, 65}, {0, 0, 0, 11, 1}, {1, 41, 0, 1986, 30}, {0, 79, 0, 129, 91}}};
  PidTable table({Species::electron, Species::kaon, Species::muon, Species::pion, Species::proton});
  for (std::size_t truth = 0; truth < 5; ++truth)
    for (std::size_t k = 0; k < 5; ++k) table.add(truth, k, kCounts[truth][k]);
  return table;
}

std::string percent(const Share& share) { return fmt::format("{:.3f}", 100 * share.value()); }

TEST(PidTable, GivesTheLecturesFiguresToTheLastDigit) {
  const PidTable table = lecture_table();
  const std::array<const char*, 5> accuracies{"0.013158", "0.557407", "0.000000", "0.965015", "0.304348"};
  const std::array<const char*, 5> purities{"1.316", "55.741", "0.000", "96.501", "30.435"};
  const std::array<const char*, 5> efficiencies{"50.000", "71.327", "0.000", "83.727", "48.148"};
  const std::array<std::array<const char*, 5>, 5> percents{{{"0.034", "0.034", "0.000", "2.412", "0.067"},
                                                            {"0.000", "10.084", "0.000", "5.829", "2.178"},
                                                            {"0.000", "0.000", "0.000", "0.369", "0.034"},
                                                            {"0.034", "1.374", "0.000", "66.533", "1.005"},
                                                            {"0.000", "2.647", "0.000", "4.322", "3.049"}}};

  EXPECT_EQ(table.tracks(), 2985u);
  for (std::size_t truth = 0; truth < 5; ++truth) {
    EXPECT_EQ(fmt::format("{:.6f}", table.efficiency(truth).value()), accuracies[truth]);
    EXPECT_EQ(percent(table.efficiency(truth)), purities[truth]);
    EXPECT_EQ(percent(table.purity(truth)), efficiencies[truth]);
    for (std::size_t k = 0; k < 5; ++k) EXPECT_EQ(percent(table.field(truth, k)), percents[truth][k]);
  }
  EXPECT_EQ(percent(table.made_of(Species::kaon, MassGroup::heavy)), "90.047");
  EXPECT_EQ(percent(table.made_of(Species::kaon, MassGroup::light)), "9.953");
  EXPECT_EQ(percent(table.made_of(Species::pion, MassGroup::light)), "87.226");
  EXPECT_EQ(percent(table.made_of(Species::pion, MassGroup::heavy)), "12.774");
}

TEST(PidTable, PrintsTheLecturesFigures) {
  const std::string text = lecture_text({"network", lecture_table()});

  EXPECT_EQ(text,
            "network: 2985 tracks\n"
            "\n"
            "class        # particles   accuracy       loss\n"
            "electron              76   0.013158          -\n"
            "kaon                 540   0.557407          -\n"
            "muon                  12   0.000000          -\n"
            "pion                2058   0.965015          -\n"
            "proton               299   0.304348          -\n"
            "\n"
            "% of total   |  electron      kaon      muon      pion    proton | % purity\n"
            "electron     |     0.034     0.034     0.000     2.412     0.067 |    1.316\n"
            "kaon         |     0.000    10.084     0.000     5.829     2.178 |   55.741\n"
            "muon         |     0.000     0.000     0.000     0.369     0.034 |    0.000\n"
            "pion         |     0.034     1.374     0.000    66.533     1.005 |   96.501\n"
            "proton       |     0.000     2.647     0.000     4.322     3.049 |   30.435\n"
            "% efficiency |    50.000    71.327     0.000    83.727    48.148 |\n"
            "\n"
            "ID    %  K->K,Pr,D :  90.047    pi->e,m,pi :  87.226\n"
            "MisID %  K->e,m,pi :   9.953    pi->K,Pr,D :  12.774\n");
}

TEST(PidTable, LectureOrdersClassesByTheAlphabetAndLeavesOutAbsentOnes) {
  PidTable table({Species::electron, Species::pion, Species::kaon, Species::deuteron});
  table.add(1, 1, 3);
  table.add(2, 1, 1);

  const std::string text = lecture_text({"network", table});

  EXPECT_THAT(text, AllOf(HasSubstr("% of total   |      kaon      pion |"), Not(HasSubstr("electron")),
                          Not(HasSubstr("deuteron"))));
}

TEST(PidTable, GivesTheUsualFiguresWithBinomialErrors) {
  const PidTable table = lecture_table();

  const Share kaons = table.named_as(Species::kaon, MassGroup::heavy);
  const Share pions = table.named_as(Species::pion, MassGroup::heavy);

  EXPECT_EQ(kaons.part, 366u);  // 301 + 65
  EXPECT_EQ(kaons.whole, 540u);
  EXPECT_EQ(pions.part, 71u);  // 41 + 30
  EXPECT_EQ(pions.whole, 2058u);
  EXPECT_DOUBLE_EQ(kaons.error(), std::sqrt(366.0 / 540 * 174 / 540 / 540));
  EXPECT_EQ(table.named_as(Species::kaon, MassGroup::light).part, 174u);
  EXPECT_EQ(table.overall().part, 2379u);
  EXPECT_DOUBLE_EQ(table.macro_average(),
                   (1.0 / 76 + 301.0 / 540 + 0.0 / 12 + 1986.0 / 2058 + 91.0 / 299) / 5);
  EXPECT_FALSE(table.loss().has_value());
}

TEST(PidTable, MacroAverageLeavesOutClassesWithoutTracks) {
  PidTable table({Species::pion, Species::kaon, Species::deuteron});
  table.add(0, 0, 3);
  table.add(0, 2, 1);
  table.add(1, 1, 1);

  EXPECT_DOUBLE_EQ(table.macro_average(), (0.75 + 1) / 2);
  EXPECT_FALSE(table.efficiency(2).exists());
  EXPECT_TRUE(table.occurs(2));
  EXPECT_EQ(PidTable({Species::pion}).macro_average(), 0);
}

TEST(PidTable, CountsTheMostProbableClassAndItsLoss) {
  PidTable table({Species::pion, Species::kaon});
  const std::vector<double> likely_pion{0.8, 0.2};
  const std::vector<double> never_kaon{1, 0};

  table.add(0, likely_pion);
  table.add(1, likely_pion);
  table.add(1, never_kaon);

  EXPECT_EQ(table.count(0, 0), 1u);
  EXPECT_EQ(table.count(1, 0), 2u);
  EXPECT_DOUBLE_EQ(table.loss(0).value(), -std::log(0.8));
  // A probability of 0 counts as the smallest normal float, as in training.
  EXPECT_NEAR(table.loss(1).value(), (-std::log(0.2) + 126 * std::log(2)) / 2, 1e-9);
  EXPECT_NEAR(table.loss().value(), (-std::log(0.8) - std::log(0.2) + 126 * std::log(2)) / 3, 1e-9);
}

TEST(PidTable, TracksWithoutProbabilitiesHaveNoLoss) {
  PidTable table({Species::pion, Species::kaon});
  const std::vector<double> row{0.8, 0.2};
  table.add(0, row);
  table.add(0, 1);
  table.add(1, row);

  EXPECT_FALSE(table.loss(0).has_value());
  EXPECT_TRUE(table.loss(1).has_value());
  EXPECT_FALSE(table.loss().has_value());
}

TEST(PidTable, ClassesMustBeDifferentParticles) {
  EXPECT_EQ(species_of_classes({"kaon", "pion"}, "file").front(), Species::kaon);
  try {
    species_of_classes({"pion", "airplane"}, "cifar10.h5");
    FAIL() << "accepted an airplane";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cifar10.h5"), HasSubstr("'airplane'"), HasSubstr("deuteron")));
  }
  EXPECT_THROW(species_of_classes({"pion", "pion"}, "file"), DataError);
}

TEST(PidText, PutsMethodsSideBySideInTheUsualTerms) {
  PidTable better({Species::electron, Species::kaon, Species::muon, Species::pion, Species::proton});
  for (const auto& [truth, predicted, tracks] : std::vector<std::array<std::uint64_t, 3>>{
           {0, 0, 76}, {1, 1, 500}, {1, 3, 40}, {2, 2, 12}, {3, 3, 2058}, {4, 4, 299}})
    better.add(truth, predicted, tracks);
  const std::vector<NamedTable> methods{{"network", lecture_table()}, {"likelihood", better}};

  const std::string text = standard_text(methods);

  EXPECT_THAT(text,
              StartsWith("efficiency, % of true tracks      tracks            network         likelihood\n"
                         "  electron                            76      1.32 +-  1.31    100.00 +-  0.00\n"
                         "  kaon                               540     55.74 +-  2.14     92.59 +-  1.13\n"
                         "  muon                                12      0.00 +-  0.00    100.00 +-  0.00\n"
                         "  pion                              2058     96.50 +-  0.41    100.00 +-  0.00\n"
                         "  proton                             299     30.43 +-  2.66    100.00 +-  0.00\n"
                         "  overall                           2985     79.70 +-  0.74     98.66 +-  0.21\n"
                         "  macro average (species alike)              36.80              98.52         \n"
                         "  loss                                           -                  -         \n"
                         "\n"));
  // Nobody was named a muon by the network; how many tracks were named so differs between methods.
  EXPECT_THAT(text,
              HasSubstr("  muon                                           -             100.00 +-  0.00\n"));
  EXPECT_THAT(text,
              HasSubstr("  true kaons named heavy             540     67.78 +-  2.01     92.59 +-  1.13\n"));
  EXPECT_THAT(text,
              HasSubstr("  true pions named heavy            2058      3.45 +-  0.40      0.00 +-  0.00\n"));
  EXPECT_THAT(text,
              HasSubstr("  tracks named kaon, truly light              9.95 +-  1.46      0.00 +-  0.00\n"));
  EXPECT_THAT(text, HasSubstr("likelihood: % of all tracks, rows true, columns named"));
  EXPECT_THAT(text, Not(HasSubstr("deuteron")));
}

}  // namespace
}  // namespace annulus::rich
