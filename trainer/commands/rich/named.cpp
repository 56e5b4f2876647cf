// A run is evaluated as `annulus evaluate` does, and its probabilities kept.
#include "trainer/commands/rich/named.hpp"

#include <array>
#include <filesystem>
#include <fstream>

#include "io/hdf5/file.hpp"
#include "rich/identification/pid_table.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/evaluator.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/pixel_scale.hpp"

namespace annulus::trainer {
namespace {

/// A file of predictions, rather than a run directory, a checkpoint or a config: by its first bytes.
bool is_hdf5(const std::string& path) {
  constexpr std::array<char, 8> kSignature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
  std::array<char, 8> start{};
  if (!std::filesystem::is_regular_file(path)) return false;
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  return start == kSignature;
}

bool is_checkpoint(const std::string& path) {
  const io::Hdf5File file = io::Hdf5File::open(path);
  return file.has_attribute("/", "schema") &&
         file.string_attribute("/", "schema").starts_with("annulus-checkpoint");
}

template <class Value>
std::vector<Value> track_column(const io::Hdf5File& file, const std::string& name, std::uint64_t rows) {
  if (!file.exists(name))
    throw DataError(
        "{}: has no {}, so its images cannot be found among the tracks of events. `annulus rich simulate` makes files that have it.",
        file.path(), name);
  const io::Hdf5Dataset dataset = file.dataset(name);
  if (dataset.info().extents.size() != 1 || dataset.info().rows() < rows)
    throw DataError("{}, {}: is not one value for each of {} images. Simulate the file again.", file.path(),
                    name, rows);
  std::vector<Value> values(rows);
  dataset.read_rows(0, rows, std::span<Value>(values));
  return values;
}

/// What says which tracks the images of a split are.
void read_tracks(rich::NamedTracks& named, std::uint64_t rows) {
  const io::Hdf5File file = io::Hdf5File::open(named.events);
  named.tracks = track_column<std::uint64_t>(file, named.split + "/track", rows);
  named.momentum = track_column<float>(file, named.split + "/momentum", rows);
}

rich::NamedTracks evaluate_run(const NamedSource& words, Context& context) {
  comm::ProcessGroup& group = context.mpi.group();
  const ModelSource model = find_model({.source = words.source,
                                        .checkpoint = words.checkpoint,
                                        .overrides = words.overrides,
                                        .allow_change = words.allow_change},
                                       context.mpi);
  require_labels(model.config);
  if (model.config.data.path.empty())
    throw UsageError(
        "'{}' was trained without a file, on tracks that no file of events knows. Name tracks to compare on, of `annulus rich simulate`: add data.path=events.h5.",
        words.source);
  rich::NamedTracks named{.source = words.source, .events = model.config.data.path, .split = words.split};
  if (named.split.empty()) named.split = model.config.data.test;
  const TrainedOn trained{.data = model.data, .allowed = model.allow_change, .has_weights = true};
  const auto data = open_group(
      model.config, named.split, [&](std::size_t bytes) { return context.mpi.allocate_node_memory(bytes); },
      {}, &trained);
  require_same_scale(*data, model.config, trained, group);
  on_rank_zero(group, "columns of tracks", [&] {
    named.classes = rich::species_of_classes(data->info().classes, data->info().name);
    read_tracks(named, data->info().samples);
  });
  const auto replica = load_replica(model, context.mpi);
  const io::Generator generator = evaluation_generator(model.config, data->info());
  Evaluator evaluator(*replica, group, *data, generator, options_in_file_order(model.config));
  const Evaluation result =
      evaluator.run([&](std::span<const float> probabilities, std::span<const std::int32_t> labels) {
        named.probabilities.insert(named.probabilities.end(), probabilities.begin(), probabilities.end());
        named.labels.insert(named.labels.end(), labels.begin(), labels.end());
      });
  if (!result.each_once)
    throw RuntimeError(
        "the evaluation of {} did not count each of its {} samples once. This is a fault of the program; please report it.",
        data->info().name, data->info().samples);
  return named;
}

void refuse_words_of_runs(const NamedSource& words) {
  if (!words.overrides.empty() || !words.checkpoint.empty() || !words.split.empty() ||
      !words.allow_change.empty())
    throw UsageError(
        "{} holds predictions: checkpoint, split and data are settled there. Leave out --checkpoint, --split, --allow-change and key=value, or name the run.",
        words.source);
}

}  // namespace

void add_named_source(Verb& verb, NamedSource& source) {
  verb.add_option(
          "source", source.source,
          "Run directory, checkpoint, file of `annulus predict`, or a config together with --checkpoint")
      ->required();
  verb.add_option("overrides", source.overrides, "key=value of a run, e.g. data.path=other.h5");
  add_named_options(verb, source);
}

void add_named_options(Verb& verb, NamedSource& source) {
  verb.add_option("--checkpoint", source.checkpoint,
                  "Checkpoint file of a run (default: its best, else its latest)");
  verb.add_option("--allow-change", source.allow_change,
                  "What the data may mean otherwise than in training, see `annulus evaluate`")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb.add_option("--split", source.split, "Group of the file with the images (default: test)");
  verb.add_option("--events", source.events,
                  "File of `annulus rich simulate` with the same tracks (default: the one with the images)");
  verb.add_option("--prior", source.prior,
                  "Shares of the species to assume: train (as in training), flat, lecture, minbias, balanced")
      ->capture_default_str();
}

rich::NamedTracks load_named_tracks(const NamedSource& source, Context& context) {
  comm::ProcessGroup& group = context.mpi.group();
  std::uint8_t of_file = 0;
  rich::NamedTracks named;
  on_rank_zero(group, "predictions", [&] {
    of_file = is_hdf5(source.source) && !is_checkpoint(source.source) ? 1 : 0;
    if (of_file == 0) return;
    refuse_words_of_runs(source);
    named = rich::read_named_tracks(source.source);
  });
  group.broadcast(std::as_writable_bytes(std::span(&of_file, 1)), 0, "kind of the source");
  if (of_file == 0) named = evaluate_run(source, context);
  on_rank_zero(group, "predictions", [&] {
    rich::check_named_tracks(named);
    if (!source.events.empty()) named.events = source.events;
  });
  return named;
}

}  // namespace annulus::trainer
