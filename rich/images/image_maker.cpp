#include "rich/images/image_maker.hpp"

#include <cmath>

#include "base/error.hpp"
#include "rich/detector/vector_math.hpp"

namespace annulus::rich {
namespace {

/// Further than any image reaches, mm or rad.
constexpr float kFar = 1e6f;

struct Signs {
  float u;
  float v;
};

/// Which way the axes of a panel run as a track sees them (frame_around): with these signs the directions of
/// hits from the centre of a ring are azimuths of their photons, up to the aberrations of the mirrors.
Signs axes_seen_from_track(RichId id, Half half) {
  const float flipped = half == Half::negative ? -1.0f : 1.0f;
  return id == RichId::rich1 ? Signs{1, flipped} : Signs{flipped, 1};
}

}  // namespace

ImageMaker::Model::Model(const Rich& rich)
    : radiator(rich), pixels(rich), expectation(rich, radiator, pixels) {}

ImageMaker::ImageMaker(Preset preset, std::vector<CoronaOptions> kinds)
    : detector_(make_detector(preset)), kinds_(std::move(kinds)) {
  expect_contract(!kinds_.empty(), "there is a kind of image to make");
  for (const CoronaOptions& kind : kinds_) check_options(kind);
  for (const Rich& rich : detector_.riches) {
    models_[index_of(rich.id)] = std::make_unique<Model>(rich);
    for (const CoronaOptions& kind : kinds_)
      if (kind.coordinates == CoronaCoordinates::raw && kind.shows(rich.id))
        needs_raw_[index_of(rich.id)] = true;
  }
}

ImageMaker::Workspace::Workspace(const ImageMaker& maker) {
  for (const Rich& rich : maker.detector_.riches)
    finders_.emplace_back(rich, maker.models_[index_of(rich.id)]->pixels);
}

void ImageMaker::find_angles(const Rich& rich, const Segment& segment, Workspace& workspace) const {
  workspace.candidates_.clear();
  workspace.finders_[index_of(rich.id)].find(segment, workspace.candidates_);
  const std::size_t count = workspace.candidates_.size();
  workspace.theta_.resize(count);
  workspace.phi_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    workspace.theta_[i] = workspace.candidates_[i].theta;
    workspace.phi_[i] = workspace.candidates_[i].phi;
  }
  if (needs_raw_[index_of(rich.id)]) find_raw_angles(rich, segment, workspace);
}

/// Candidates on the centre's own half; those of the other have no distance from it.
void ImageMaker::find_raw_angles(const Rich& rich, const Segment& segment, Workspace& workspace) const {
  const std::size_t count = workspace.candidates_.size();
  workspace.raw_theta_.assign(count, kFar);
  workspace.raw_phi_.assign(count, 0);
  const auto centre = zero_angle_image(rich, segment);
  if (!centre) return;
  const PhotonFinder& finder = workspace.finders_[index_of(rich.id)];
  const auto u = static_cast<float>(centre->panel.u);
  const auto v = static_cast<float>(centre->panel.v);
  const auto [sign_u, sign_v] = axes_seen_from_track(rich.id, centre->half);
  const auto per_mm = static_cast<float>(1 / rich.image_scale);
  std::vector<float>& across = workspace.raw_theta_;  // offsets at first
  std::vector<float>& up = workspace.raw_phi_;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t hit = workspace.candidates_[i].hit;
    const bool other_half = (hit < finder.first_negative()) != (centre->half == Half::positive);
    across[i] = other_half ? kFar : sign_u * (finder.u()[hit] - u);
    up[i] = sign_v * (finder.v()[hit] - v);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const float x = across[i];
    const float y = up[i];
    across[i] = per_mm * std::sqrt(x * x + y * y);
    up[i] = vector_atan2(y, x);
  }
}

void ImageMaker::draw(const Event& event, std::size_t number, RichId id, Workspace& workspace,
                      const ImageRows& rows) const {
  const Rich& rich = detector_[id];
  const Track& track = event.tracks[number];
  const auto segment = usable_segment(rich, track);
  if (!segment) return;
  const Model& model = *models_[index_of(id)];
  const double momentum = static_cast<double>(track.measured.momentum);
  find_angles(rich, *segment, workspace);
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const CoronaOptions& kind = kinds_[k];
    if (!kind.shows(id)) continue;
    const bool raw = kind.coordinates == CoronaCoordinates::raw;
    const CoronaPoints points = raw ? CoronaPoints{workspace.raw_theta_, workspace.raw_phi_}
                                    : CoronaPoints{workspace.theta_, workspace.phi_};
    const int channel = kind.channels() == 2 ? static_cast<int>(index_of(id)) : 0;
    draw_corona(points, corona_window(rich, model.radiator, kind.window, momentum),
                {rows.images[k].subspan(number * kind.bytes(), kind.bytes()), channel, kind});
  }
  const AngleWindow window = corona_window(rich, model.radiator, kinds_.front().window, momentum);
  model.expectation.expect(*segment, momentum, workspace.expectation_);
  fill_features(id, {window, count_inside(workspace.theta_, window), workspace.expectation_},
                rows.features.subspan(number * kFeatures, kFeatures));
}

void ImageMaker::make(const Event& event, Workspace& workspace, const ImageRows& rows) const {
  expect_contract(rows.images.size() == kinds_.size(), "there is room for every kind of image");
  for (std::size_t i = 0; i < event.tracks.size(); ++i)
    fill_features(event, event.tracks[i], rows.features.subspan(i * kFeatures, kFeatures));
  for (const RichId id : kRiches) {
    workspace.finders_[index_of(id)].load(event.hits[index_of(id)]);
    for (std::size_t i = 0; i < event.tracks.size(); ++i) draw(event, i, id, workspace, rows);
  }
}

}  // namespace annulus::rich
