#include "rich/reconstruction/reconstruction.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

/// Photons further from a hypothesis than this many standard deviations do not count for it.
constexpr double kWindow = 5.5;

/// Hits that a region's background is pulled towards the average of its half with: a region has few.
constexpr double kBackgroundPrior = 3;

/// Background is estimated, hypotheses are fitted, and so on; it settles after two or three rounds.
constexpr int kBackgroundRounds = 3;

/// Photons that make a number of pixels fire, several of them in some: n photons on P pixels leave
/// P exp(-n/P) of them dark.
double photons_behind(double hits, double pixels) {
  constexpr double kFullest = 0.99;
  return -pixels * std::log1p(-std::min(hits / pixels, kFullest));
}

/// Density of background photons per pixel in each region of one half, from its hits and what rings explain.
void fill_background(std::span<const double> hits, std::span<const double> explained,
                     const PixelTable& pixels, std::span<double> background) {
  std::vector<double> left(hits.size());
  double all_left = 0;
  double all_pixels = 0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    left[i] = photons_behind(hits[i], pixels.region_pixels(i)) - explained[i];
    all_left += left[i];
    all_pixels += pixels.region_pixels(i);
  }
  // As if kBackgroundPrior photons more had been seen in every region, at the average density: a region with
  // many hits keeps its own value, one with few comes near the average.
  // Never zero: one stray hit must not decide alone.
  const double average = std::max(all_left, 1.0) / all_pixels;
  for (std::size_t i = 0; i < hits.size(); ++i)
    background[i] =
        (std::max(left[i], 0.0) + kBackgroundPrior) / (pixels.region_pixels(i) + kBackgroundPrior / average);
}

}  // namespace

Reconstruction::Model::Model(const Rich& rich)
    : radiator(rich), pixels(rich), resolution(rich, radiator), expectation(rich, radiator, pixels) {}

Reconstruction::Reconstruction(Preset preset) : detector_(make_detector(preset)) {
  for (const Rich& rich : detector_.riches) models_[index_of(rich.id)] = std::make_unique<Model>(rich);
}

Reconstruction::Workspace::Workspace(const Reconstruction& reconstruction) {
  for (const Rich& rich : reconstruction.detector_.riches) {
    const PixelTable& pixels = reconstruction.models_[index_of(rich.id)]->pixels;
    PerRich& work = riches_.emplace_back(PerRich{.finder = PhotonFinder(rich, pixels)});
    for (auto* values : {&work.region_hits, &work.region_expected, &work.region_background})
      values->resize(2 * pixels.regions());
  }
}

/// Hits, candidates and expectations of one RICH.
void Reconstruction::load(const Event& event, RichId id, Workspace& workspace) const {
  const Rich& rich = detector_[id];
  const Model& model = *models_[index_of(id)];
  Workspace::PerRich& work = workspace.riches_[index_of(id)];
  const std::vector<Hit>& hits = event.hits[index_of(id)];
  work.first_pixel = static_cast<std::uint32_t>(workspace.problem_.background.size());
  workspace.problem_.background.resize(work.first_pixel + hits.size());
  work.region_of_hit.clear();
  std::fill(work.region_hits.begin(), work.region_hits.end(), 0.0);
  for (const Hit& hit : hits) {
    const std::int16_t panel_region = model.pixels[rich.panel_channel(hit.channel)].region;
    if (panel_region == kNoRegion)
      throw DataError(
          "event {}: {} has a hit in channel {}, where the {} panels have no tube. Do detector and file belong together? `annulus rich simulate` makes files that fit.",
          event.number, rich.name, hit.channel, word_of(detector_.preset));
    const auto region = static_cast<std::uint32_t>(panel_region);
    const bool negative = rich.half_of_channel(hit.channel) == Half::negative;
    work.region_of_hit.push_back(region +
                                 (negative ? static_cast<std::uint32_t>(model.pixels.regions()) : 0));
    work.region_hits[work.region_of_hit.back()] += 1;
  }
  work.finder.load(hits);
  work.candidates.clear();
  work.tracks.resize(event.tracks.size());
  for (std::size_t j = 0; j < event.tracks.size(); ++j) {
    Workspace::RichTrack& track = work.tracks[j];
    const auto segment = usable_segment(rich, event.tracks[j]);
    track.seen = segment.has_value();
    track.first = static_cast<std::uint32_t>(work.candidates.size());
    if (segment) {
      work.finder.find(*segment, work.candidates);
      model.expectation.expect(*segment, event.tracks[j].measured.momentum, track.expectation);
    }
    track.last = static_cast<std::uint32_t>(work.candidates.size());
  }
}

/// a_ij(h) = N_h / (2 pi) G(theta_ij; theta_h, sigma) A_pixel / (f^2 theta_ij): LHCb-98-040, eqs. 16 and 18,
/// with the scale f of the track's own image for R/2, and only the part of the track whose photons meet the
/// mirror of the pixel's half. Their sum over the pixels is mu_j.
void Reconstruction::add_terms(RichId id, double momentum, const Workspace::RichTrack& track,
                               Workspace& workspace) const {
  const Rich& rich = detector_[id];
  const Model& model = *models_[index_of(id)];
  const Workspace::PerRich& work = workspace.riches_[index_of(id)];
  struct Shape {
    double theta, inverse_sigma, height;
  };
  const std::vector<double>& sizes = model.pixels.sizes();
  std::vector<std::array<Shape, kSpeciesCount>> shapes(sizes.size());
  for (std::size_t size = 0; size < sizes.size(); ++size) {
    for (const Species species : kAllSpecies) {
      const RingExpectation& ring = track.expectation.rings[index_of(species)];
      if (!(ring.photons > 0)) continue;
      const double sigma = std::hypot(model.resolution.without_pixel(species, momentum, ring.theta),
                                      model.resolution.pixel(sizes[size]));
      const double solid_angle = sizes[size] * sizes[size] / ring.area_per_angle;
      const double height = ring.photons * solid_angle / std::pow(2 * std::numbers::pi, 1.5) / sigma;
      shapes[size][index_of(species)] = {ring.theta, 1 / sigma, height};
    }
  }
  for (std::uint32_t i = track.first; i < track.last; ++i) {
    const PhotonCandidate& candidate = work.candidates[i];
    const std::uint32_t channel = workspace.event_->hits[index_of(id)][candidate.hit].channel;
    const auto& shape = shapes[model.pixels[rich.panel_channel(channel)].size_class];
    PixelTerm term{.pixel = work.first_pixel + candidate.hit};
    bool any = false;
    for (std::size_t h = 0; h < kSpeciesCount; ++h) {
      const double pull = (candidate.theta - shape[h].theta) * shape[h].inverse_sigma;
      if (shape[h].height == 0 || std::abs(pull) > kWindow) continue;
      term.expected[h] =
          static_cast<float>(shape[h].height * std::exp(-0.5 * pull * pull) / candidate.theta) *
          candidate.share;
      any = true;
    }
    if (any) workspace.problem_.terms.push_back(term);
  }
}

void Reconstruction::set_up(const Event& event, Workspace& workspace) const {
  LikelihoodProblem& problem = workspace.problem_;
  workspace.event_ = &event;
  problem.clear();
  for (const RichId id : kRiches) load(event, id, workspace);
  for (std::size_t j = 0; j < event.tracks.size(); ++j) {
    LikelihoodProblem::Track& terms = problem.tracks.emplace_back();
    terms.first_term = static_cast<std::uint32_t>(problem.terms.size());
    for (const RichId id : kRiches) {
      const Workspace::RichTrack& track = workspace.riches_[index_of(id)].tracks[j];
      if (!track.seen) continue;
      for (std::size_t h = 0; h < kSpeciesCount; ++h)
        terms.expected[h] += track.expectation.rings[h].detected;
      add_terms(id, event.tracks[j].measured.momentum, track, workspace);
    }
    terms.last_term = static_cast<std::uint32_t>(problem.terms.size());
  }
}

void Reconstruction::estimate_background(LikelihoodKind kind, Workspace& workspace) const {
  for (const RichId id : kRiches) {
    Workspace::PerRich& work = workspace.riches_[index_of(id)];
    const PixelTable& pixels = models_[index_of(id)]->pixels;
    std::fill(work.region_expected.begin(), work.region_expected.end(), 0.0);
    for (std::size_t j = 0; kind == LikelihoodKind::global && j < work.tracks.size(); ++j) {
      if (!work.tracks[j].seen) continue;
      const TrackExpectation& expectation = work.tracks[j].expectation;
      const RingExpectation& ring = expectation.rings[index_of(workspace.hypotheses_[j])];
      for (std::uint32_t i = ring.first_share; i < ring.last_share; ++i)
        work.region_expected[expectation.shares[i].region] += ring.photons * expectation.shares[i].share;
    }
    for (const std::size_t half : {std::size_t{0}, std::size_t{1}}) {
      const std::size_t first = half * pixels.regions();
      fill_background(std::span(work.region_hits).subspan(first, pixels.regions()),
                      std::span(work.region_expected).subspan(first, pixels.regions()), pixels,
                      std::span(work.region_background).subspan(first, pixels.regions()));
    }
    for (std::size_t i = 0; i < work.region_of_hit.size(); ++i)
      workspace.problem_.background[work.first_pixel + i] = work.region_background[work.region_of_hit[i]];
  }
}

/// Log-likelihoods of every track; leaves the hypotheses and what they explain in the workspace.
std::vector<PerSpecies> Reconstruction::minimise(Workspace& workspace) const {
  // From what each track would be alone: were all of them pions at first, rings that are not there would
  // leave no background, and then be needed to explain it.
  estimate_background(LikelihoodKind::local, workspace);
  for (std::size_t j = 0; j < workspace.problem_.tracks.size(); ++j)
    workspace.hypotheses_[j] = likeliest(local_log_likelihoods(workspace.problem_, j));
  estimate_background(LikelihoodKind::global, workspace);
  GlobalLikelihood likelihood(workspace.problem_, workspace.hypotheses_);
  for (int round = 0; round < kBackgroundRounds; ++round) {
    if (round > 0) {
      estimate_background(LikelihoodKind::global, workspace);
      likelihood.reset_background();
    }
    const bool changed = !likelihood.minimise().empty();
    workspace.hypotheses_ = likelihood.hypotheses();
    if (!changed) break;
  }
  workspace.explained_ = likelihood.expected();
  std::vector<PerSpecies> values;
  for (std::size_t j = 0; j < workspace.problem_.tracks.size(); ++j)
    values.push_back(likelihood.log_likelihoods(j));
  return values;
}

RingSummary Reconstruction::summarise(RichId id, std::size_t number, const Workspace& workspace) const {
  const Workspace::PerRich& work = workspace.riches_[index_of(id)];
  const Workspace::RichTrack& track = work.tracks[number];
  const std::size_t best = index_of(workspace.hypotheses_[number]);
  if (!track.seen) return {};
  RingSummary summary{.candidates = track.last - track.first,
                      .expected = static_cast<float>(track.expectation.rings[best].detected)};
  // Terms come in the order of candidates, those without one left out.
  std::uint32_t next = track.first;
  double photons = 0;
  double sum = 0;
  for (const PixelTerm& term : workspace.problem_.terms_of(workspace.problem_.tracks[number])) {
    if (term.pixel < work.first_pixel || term.pixel - work.first_pixel >= work.region_of_hit.size()) continue;
    while (work.candidates[next].hit != term.pixel - work.first_pixel) ++next;
    const double expected = term.expected[best];
    if (expected == 0) continue;
    const double share = expected / std::max(workspace.explained_[term.pixel], expected);
    photons += share;
    sum += share * static_cast<double>(work.candidates[next].theta);
  }
  summary.photons = static_cast<float>(photons);
  summary.theta = photons > 0 ? static_cast<float>(sum / photons) : 0.0f;
  return summary;
}

const std::vector<TrackIdentity>& Reconstruction::run(const Event& event, LikelihoodKind kind,
                                                      Workspace& workspace) const {
  set_up(event, workspace);
  workspace.hypotheses_.assign(event.tracks.size(), Species::pion);
  std::vector<PerSpecies> values;
  if (kind == LikelihoodKind::global) {
    values = minimise(workspace);
  } else {
    estimate_background(kind, workspace);
    workspace.explained_ = workspace.problem_.background;
    for (std::size_t j = 0; j < event.tracks.size(); ++j) {
      values.push_back(local_log_likelihoods(workspace.problem_, j));
      workspace.hypotheses_[j] = likeliest(values.back());
    }
  }
  workspace.result_.assign(event.tracks.size(), {});
  for (std::size_t j = 0; j < event.tracks.size(); ++j) {
    TrackIdentity& identity = workspace.result_[j];
    identity.best = workspace.hypotheses_[j];
    for (std::size_t h = 0; h < kSpeciesCount; ++h)
      identity.dll[h] = static_cast<float>(values[j][h] - values[j][index_of(Species::pion)]);
    for (const RichId id : kRiches) {
      identity.seen[index_of(id)] = workspace.riches_[index_of(id)].tracks[j].seen;
      identity.rings[index_of(id)] = summarise(id, j, workspace);
    }
  }
  return workspace.result_;
}

}  // namespace annulus::rich
