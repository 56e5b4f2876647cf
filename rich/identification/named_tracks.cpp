#include "rich/identification/named_tracks.hpp"

#include <cmath>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "rich/files/event_file.hpp"
#include "rich/identification/pid_table.hpp"

namespace annulus::rich {
namespace {

constexpr const char* kPredictionSchema = "annulus-predictions-1";

void require_rows(const NamedTracks& named, const char* column, std::size_t rows) {
  if (rows != named.size())
    throw DataError("{}: `{}` has {} rows, but there are {} labels. Predict again.", named.source, column,
                    rows, named.size());
}

/// A column of predictions; says how it comes there when it is missing.
template <class Value>
std::vector<Value> column(const io::Hdf5File& file, const char* name, const char* remedy) {
  if (!file.exists(name)) throw DataError("{}: has no `{}`. {}", file.path(), name, remedy);
  return file.read<Value>(name);
}

void require_finite(const std::string& path, const std::vector<float>& dll) {
  for (std::size_t i = 0; i < dll.size(); ++i)
    if (!std::isfinite(dll[i]))
      throw DataError("{}, reconstruction/dll: row {} holds {}, which is not a number. Reconstruct it again.",
                      path, i / kSpeciesCount, dll[i]);
}

bool is_train(const EventFile& events, std::uint64_t event) { return events.splits()[event] == Split::train; }

}  // namespace

void check_named_tracks(const NamedTracks& named) {
  if (named.size() == 0) throw DataError("{}: holds no tracks, so there is nothing to count.", named.source);
  if (named.probabilities.size() != named.size() * named.classes.size())
    throw DataError(
        "{}: {} probabilities are not one for each of {} tracks and {} classes. The network must end in as many outputs as the data have classes.",
        named.source, named.probabilities.size(), named.size(), named.classes.size());
  require_rows(named, "track", named.tracks.size());
  require_rows(named, "momentum", named.momentum.size());
  const auto classes = static_cast<std::int32_t>(named.classes.size());
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (named.labels[i] < 0 || named.labels[i] >= classes)
      throw DataError("{}, labels: row {} is {}, but classes are 0 to {}.", named.source, i, named.labels[i],
                      classes - 1);
    if (!std::isfinite(named.momentum[i]) || named.momentum[i] <= 0)
      throw DataError("{}, momentum: row {} is {}, but must be above zero.", named.source, i,
                      named.momentum[i]);
    for (const float probability : named.row(i))
      if (!(probability >= 0 && probability <= 1.001f))
        throw DataError(
            "{}, probabilities: row {} holds {}, which is not a probability. Has the training diverged?",
            named.source, i, probability);
  }
}

NamedTracks read_named_tracks(const std::string& path) {
  const io::Hdf5File file = io::Hdf5File::open(path);
  if (!file.has_attribute("/", "schema") || file.string_attribute("/", "schema") != kPredictionSchema)
    throw DataError(
        "{}: holds no predictions (its root attribute `schema` is not {}). `annulus predict` makes such a file; a run directory will do as well.",
        path, kPredictionSchema);
  constexpr const char* kUnlabelled = "The images had no labels; for tables the truth is needed.";
  constexpr const char* kOlder =
      "The images were not tracks of `annulus rich simulate`, or an older version predicted; predict again.";
  NamedTracks named{.source = path};
  named.labels = column<std::int32_t>(file, "labels", kUnlabelled);
  named.classes = species_of_classes(file.strings_attribute("/", "classes"), path);
  named.probabilities = column<float>(file, "probabilities", "Predict again.");
  named.tracks = column<std::uint64_t>(file, "track", kOlder);
  named.momentum = column<float>(file, "momentum", kOlder);
  named.events = file.string_attribute("/", "dataset");
  named.split = file.string_attribute("/", "split");
  check_named_tracks(named);
  return named;
}

TrackReference::TrackReference(const std::string& path) : path_(path) {
  const EventFile events(path);
  const io::Hdf5File file = io::Hdf5File::open(path);
  species_ = file.read<std::uint8_t>("tracks/species");
  momentum_ = file.read<float>("tracks/momentum");
  if (file.exists("reconstruction")) {
    identities_ = read_identities(path);
    require_finite(path, identities_->dll);
  }
  std::uint64_t training_events = 0;
  for (std::uint64_t event = 0; event < events.events(); ++event)
    training_events += is_train(events, event) ? 1 : 0;
  prior_is_of_training_ = training_events > 0;
  for (std::uint64_t event = 0; event < events.events(); ++event) {
    const bool counts = is_train(events, event) || !prior_is_of_training_;
    for (std::uint64_t i = events.first_track(event); i < events.first_track(event + 1); ++i) {
      if (species_[i] >= kSpeciesCount || !(momentum_[i] > 0))
        throw DataError("{}, tracks: row {} has species {} and momentum {}, which cannot be. Simulate again.",
                        path, i, species_[i], momentum_[i]);
      if (counts) prior_.add(static_cast<Species>(species_[i]), momentum_[i]);
    }
  }
}

void TrackReference::require_match(const NamedTracks& named) const {
  for (std::size_t i = 0; i < named.size(); ++i) {
    const std::uint64_t track = named.tracks[i];
    if (track >= tracks())
      throw DataError("{}: row {} is track {}, but {} has {} tracks. Was it simulated again since?",
                      named.source, i, track, path_, tracks());
    const Species truth = named.classes[static_cast<std::size_t>(named.labels[i])];
    if (index_of(truth) != species_[track] || named.momentum[i] != momentum_[track])
      throw DataError(
          "{}: row {} is a {} of {} GeV/c, but track {} of {} is a {} of {} GeV/c. The predictions are of another file, or it was simulated again since.",
          named.source, i, name_of(truth), named.momentum[i], track, path_,
          enum_words<Species>()[species_[track]], momentum_[track]);
  }
}

}  // namespace annulus::rich
