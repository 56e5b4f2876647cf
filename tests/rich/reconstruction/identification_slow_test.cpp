// What the global likelihood identifies among thousands of tracks: acceptance numbers A20 and A21.
#include <gtest/gtest.h>

#include <cstdio>

#include "rich/identification/pid_prior.hpp"
#include "rich/reconstruction/reconstruction.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

struct Efficiency {
  double kaon = 0;
  double pion = 0;  ///< misidentified
};

struct Sample {
  double tracks = 30;
  bool realistic = false;
  std::uint64_t events = 0;
  /// At DLL(K - pi) > 0 and > 5, 10 to 60 GeV/c: what a prototype of the same detector reached.
  std::array<Efficiency, 2> expected{};
  /// At DLL > 0 over all momenta; kaons below 9.3 GeV/c give no light. 0 when the prototype said nothing.
  Efficiency all_momenta{};
};

/// Kaons and pions, and how many of each pass a cut.
class Tally {
 public:
  void add(Species species, bool passes) {
    auto& count = species == Species::kaon ? kaons_ : pions_;
    count[0] += 1;
    count[1] += passes ? 1 : 0;
  }
  Efficiency efficiency() const { return {kaons_[1] / kaons_[0], pions_[1] / pions_[0]}; }
  double kaons() const { return kaons_[0]; }

 private:
  std::array<double, 2> kaons_{};
  std::array<double, 2> pions_{};
};

/// Simulates and reconstructs, and shows every track that one of the RICHes sees.
template <class See>
void look_at(const SimulationOptions& options, std::uint64_t events, See see) {
  const Simulation simulation(options);
  Simulation::Workspace simulation_workspace(simulation);
  const Reconstruction reconstruction(options.preset);
  Reconstruction::Workspace workspace(reconstruction);
  for (std::uint64_t i = 0; i < events; ++i) {
    const Event event = simulation.event(i, simulation_workspace);
    const auto& found = reconstruction.run(event, LikelihoodKind::global, workspace);
    for (std::size_t j = 0; j < found.size(); ++j)
      if (found[j].seen[0] || found[j].seen[1]) see(event.tracks[j], found[j]);
  }
}

void print(const Sample& sample, const char* what, const Efficiency& found, const Efficiency& expected) {
  std::printf("%3.0f tracks%s, %s: K efficiency %.4f (prototype %.3f), pi misidentification %.4f (%.3f)\n",
              sample.tracks, sample.realistic ? ", realistic" : "", what, found.kaon, expected.kaon,
              found.pion, expected.pion);
}

class Identification : public testing::TestWithParam<Sample> {};

TEST_P(Identification, ReachesThePrototype) {
  const Sample& sample = GetParam();
  SimulationOptions options{.tracks = sample.tracks, .seed = 11};
  if (sample.realistic) make_realistic(options);
  std::array<Tally, 2> tallies;
  Tally all_momenta;

  look_at(options, sample.events, [&](const Track& track, const TrackIdentity& found) {
    if (track.species != Species::kaon && track.species != Species::pion) return;
    const float dll = found.dll[index_of(Species::kaon)];
    all_momenta.add(track.species, dll > 0);
    if (track.measured.momentum < 10 || track.measured.momentum > 60) return;
    tallies[0].add(track.species, dll > 0);
    tallies[1].add(track.species, dll > 5);
  });

  ASSERT_GT(tallies[0].kaons(), 400);
  for (std::size_t cut = 0; cut < 2; ++cut) {
    const Efficiency found = tallies[cut].efficiency();
    const Efficiency& expected = sample.expected[cut];
    print(sample, cut == 0 ? "DLL > 0" : "DLL > 5", found, expected);
    // 1.5 % and a factor 1.5; the prototype gave misidentification to a thousandth.
    EXPECT_GT(found.kaon, expected.kaon - 0.015) << "acceptance number A20";
    EXPECT_LT(found.pion, 1.5 * expected.pion + 0.001) << "acceptance number A20";
  }
  const Efficiency found = all_momenta.efficiency();
  print(sample, "all momenta", found, sample.all_momenta);
  if (sample.all_momenta.kaon == 0) return;
  EXPECT_GT(found.kaon, sample.all_momenta.kaon - 0.03);
  EXPECT_LT(found.pion, 1.5 * sample.all_momenta.pion);
}

INSTANTIATE_TEST_SUITE_P(
    A20, Identification,
    testing::Values(Sample{4, false, 3000, {{{0.995, 0.001}, {0.995, 0.001}}}},
                    Sample{30, false, 500, {{{0.996, 0.004}, {0.996, 0.000}}}, {0.904, 0.028}},
                    Sample{60, false, 250, {{{0.985, 0.007}, {0.970, 0.002}}}, {0.863, 0.027}},
                    Sample{100, false, 150, {{{0.983, 0.006}, {0.963, 0.004}}}, {0.835, 0.025}},
                    Sample{4, true, 3000, {{{0.996, 0.014}, {0.996, 0.013}}}},
                    Sample{30, true, 500, {{{0.979, 0.023}, {0.972, 0.014}}}, {0.846, 0.039}},
                    Sample{60, true, 250, {{{0.970, 0.042}, {0.933, 0.025}}}, {0.814, 0.052}},
                    Sample{100, true, 150, {{{0.949, 0.049}, {0.904, 0.027}}}, {0.724, 0.061}}));

/// The best that anybody can do who knows the likelihood and how frequent species are at each momentum.
TEST(LectureMix, PosteriorNamesMostTracks) {
  constexpr std::uint64_t kEvents = 500;
  const SimulationOptions options{.tracks = 30, .seed = 12};
  const Simulation others({.tracks = 30, .seed = 13});
  Simulation::Workspace others_workspace(others);
  MomentumPrior prior;
  for (std::uint64_t i = 0; i < 2000; ++i)
    for (const Track& track : others.event(i, others_workspace).tracks)
      prior.add(track.species, static_cast<double>(track.measured.momentum));
  PerSpecies all{};
  PerSpecies right{};

  look_at(options, kEvents, [&](const Track& track, const TrackIdentity& found) {
    const PerSpecies odds = posterior(found.dll, prior.at(static_cast<double>(track.measured.momentum)));
    all[index_of(track.species)] += 1;
    right[index_of(track.species)] += likeliest(odds) == track.species ? 1 : 0;
  });

  double tracks = 0;
  double named = 0;
  for (const Species species : kAllSpecies) {
    tracks += all[index_of(species)];
    named += right[index_of(species)];
    std::printf("%-8s %6.0f of %6.0f: %.4f\n", std::string(name_of(species)).c_str(),
                right[index_of(species)], all[index_of(species)],
                right[index_of(species)] / all[index_of(species)]);
  }
  std::printf("overall %.4f of %.0f\n", named / tracks, tracks);
  ASSERT_GT(tracks, 6000);
  const auto share = [&](Species species) { return right[index_of(species)] / all[index_of(species)]; };
  EXPECT_NEAR(named / tracks, 0.90, 0.015) << "acceptance number A21";
  EXPECT_NEAR(share(Species::kaon), 0.85, 0.015) << "acceptance number A21";
  EXPECT_NEAR(share(Species::pion), 0.985, 0.015) << "acceptance number A21";
}

}  // namespace
}  // namespace annulus::rich
