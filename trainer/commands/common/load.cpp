// Rank 0 touches the files; the others are told what was in them.
#include "trainer/commands/common/load.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/loop/shared_signature.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {
namespace {

std::string broadcast_text(std::string text, comm::ProcessGroup& group) {
  std::uint64_t size = text.size();
  group.broadcast(std::as_writable_bytes(std::span(&size, 1)), 0, "length of the config");
  text.resize(size);
  group.broadcast(std::as_writable_bytes(std::span(text)), 0, "config");
  return text;
}

bool is_hdf5(const std::string& path) {
  constexpr std::array<char, 8> kSignature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
  std::array<char, 8> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  return start == kSignature;
}

/// Turns a run directory into the path of its config and, unless one is given, of its best checkpoint; a
/// checkpoint into no config at all, as it holds its own.
void locate_model(std::string& config, std::string& checkpoint) {
  namespace fs = std::filesystem;
  if (!fs::exists(config))
    throw UsageError(
        "'{}' does not exist. Name a run directory (such as runs/cifar10), a checkpoint or a config file.",
        config);
  if (!fs::is_directory(config) && is_hdf5(config)) {
    if (!checkpoint.empty())
      throw UsageError(
          "'{}' is an HDF5 file, which holds a model or none, and so does --checkpoint {}. Name one.", config,
          checkpoint);
    checkpoint = std::exchange(config, "");
    return;
  }
  if (!fs::is_directory(config)) {
    if (!checkpoint.empty()) return;
    throw UsageError(
        "'{}' is a config, so there is no model to load. Name the run directory or a checkpoint instead, or add --checkpoint PATH.",
        config);
  }
  const RunDirectory run(config);
  run.stored_config();  // a directory without one is not a run
  if (checkpoint.empty()) checkpoint = run.chosen_checkpoint();
  if (checkpoint.empty())
    throw UsageError("'{}' has no finished checkpoint yet. Train first, or name one with --checkpoint PATH.",
                     config);
  config = run.config().string();
}

/// Whether the mean and deviation of a config are a person's wish.
bool are_given(const ModelRequest& request, const Config& config) {
  const bool overridden = std::ranges::any_of(
      request.overrides, [](const std::string& text) { return text.starts_with("normalisation"); });
  return overridden || (!config.normalisation.mean.empty() && !std::filesystem::is_directory(request.source));
}

/// A config of a person's making does not have what training measured, and that of a run has what its last
/// start measured; the checkpoint has what the model was trained with.
void adopt_normalisation(const ModelRequest& request, Config& config, const std::string& stored,
                         const std::string& checkpoint) {
  constexpr auto kMeasured = io::Normalisation::Kind::per_feature;
  if (config.normalisation.kind != kMeasured || are_given(request, config)) return;
  const io::Normalisation trained = parse_stored_config(stored, checkpoint).config.normalisation;
  if (trained.kind != kMeasured || trained.mean.empty()) return;
  const auto list = [](const std::vector<float>& values) {
    return fmt::format("[{:.9g}]", fmt::join(values, ", "));
  };
  config = parse_config(config.yaml, "the resolved configuration",
                        {"normalisation.mean=" + list(trained.mean),
                         "normalisation.deviation=" + list(trained.deviation)})
               .config;
}

/// What the training of a checkpoint was told; nothing where this version does not understand it.
std::optional<Config> config_of_training(const std::string& stored, const std::string& checkpoint) {
  try {
    return parse_stored_config(stored, checkpoint).config;
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

/// Nor does a config of a person's making have what the command line of the training said: which samples were
/// held out. It would judge the model by samples that it was trained on.
void adopt_held_out(const ModelRequest& request, Config& config, const std::string& stored,
                    const std::string& checkpoint) {
  const DataConfig& data = config.data;
  const bool overridden = std::ranges::any_of(request.overrides, [](const std::string& text) {
    return text.starts_with("data.validation") || text.starts_with("data.generator");
  });
  if (overridden || data.validation_fraction > 0 || !data.validation.empty() || !data.generator.empty())
    return;
  const std::optional<Config> trained = config_of_training(stored, checkpoint);
  if (!trained || trained->data.validation_fraction == 0) return;
  config = parse_config(config.yaml, "the resolved configuration",
                        {fmt::format("data.validation_fraction={}", trained->data.validation_fraction),
                         fmt::format("seed={}", trained->seed)})
               .config;
  log_info(
      "{}: trained with data.validation_fraction = {} and seed = {}, which the config does not say: taken from the checkpoint.",
      checkpoint, trained->data.validation_fraction, trained->seed);
}

/// On rank 0.
ModelSource read_model(const ModelRequest& request) {
  ModelSource source{.config = {}, .checkpoint = request.checkpoint, .data = {}, .allow_change = {}};
  std::string config = request.source;
  locate_model(config, source.checkpoint);
  if (!config.empty()) source.config = load_config(config, request.overrides).config;
  CheckpointInfo info = read_checkpoint_info(source.checkpoint);
  if (config.empty())
    source.config = parse_stored_config(info.config, source.checkpoint, request.overrides).config;
  adopt_normalisation(request, source.config, info.config, source.checkpoint);
  adopt_held_out(request, source.config, info.config, source.checkpoint);
  source.data = std::move(info.data);
  if (!source.data)
    log_warning(
        "{} is of a version that did not note names of classes and columns and the scale of pixels: that those of the data mean the same is taken on trust",
        source.checkpoint);
  return source;
}

/// @throws UsageError for words that allow nothing here
void check_allowed(const std::vector<std::string>& words) {
  for (const std::string& word : words)
    if (!allows({word}, kDataClasses) && !allows({word}, kDataColumns) && !allows({word}, kDataPixels))
      throw UsageError(
          "--allow-change: '{}' is not something in which data may differ from those of the training. Choose {}, {} or {}.",
          word, kDataClasses, kDataColumns, kDataPixels);
}

/// A model that is trained already: other shards would be no way out.
void require_shares(std::int64_t shards, int ranks) {
  if (shards % ranks == 0) return;
  std::vector<std::int64_t> counts;
  for (std::int64_t count = 1; count <= shards; ++count)
    if (shards % count == 0) counts.push_back(count);
  throw UsageError(
      "the model was trained in batch.shards = {}, and the ranks that use it share the work out in the same way, which {} cannot do evenly. Start another number of ranks: {}.",
      shards, ranks, fmt::join(counts, ", "));
}

}  // namespace

LoadedConfig load_shared_config(const std::string& path, const std::vector<std::string>& overrides,
                                comm::MpiSession& mpi) {
  comm::ProcessGroup& group = mpi.group();
  LoadedConfig loaded;
  on_rank_zero(group, "config", [&] { loaded = load_config(path, overrides); });
  // What the others parse is rank 0's resolved configuration, not the file: hosts may have different files
  // under one path, and overrides are in it already.
  const std::string text = broadcast_text(loaded.config.yaml, group);
  if (group.rank() != 0) loaded = parse_config(text, path);
  return loaded;
}

Config load_any_config(const std::string& path, const std::vector<std::string>& overrides) {
  if (std::filesystem::is_directory(path)) {
    const RunDirectory run(path);
    return parse_stored_config(run.stored_config(), run.config().string(), overrides).config;
  }
  if (!is_hdf5(path)) return load_config(path, overrides).config;
  return parse_stored_config(read_checkpoint_info(path).config, path, overrides).config;
}

void add_model_options(Verb& verb, ModelRequest& request) {
  verb.add_option("--checkpoint", request.checkpoint,
                  "Checkpoint file (default: the run's best, else its latest)");
  verb.add_option(
          "--allow-change", request.allow_change,
          "What the data may mean otherwise than in training and is then taken as it stands: data.classes, data.columns, data.pixels")
      ->delimiter(',')
      ->allow_extra_args(false);
}

ModelSource find_model(const ModelRequest& request, comm::MpiSession& mpi) {
  check_allowed(request.allow_change);
  comm::ProcessGroup& group = mpi.group();
  ModelSource source;
  on_rank_zero(group, "model", [&] { source = read_model(request); });
  const std::string text = broadcast_text(source.config.yaml, group);
  if (group.rank() != 0) source.config = parse_config(text, request.source).config;
  share_signature(group, source.data);
  source.allow_change = request.allow_change;
  return source;
}

std::unique_ptr<Replica> load_replica(const ModelSource& source, comm::MpiSession& mpi) {
  comm::ProcessGroup& group = mpi.group();
  require_shares(source.config.batch.shards, group.size());
  const auto owned = comm::owned_shards(source.config.batch.shards, group.rank(), group.size());
  auto replica = make_replica(source.config, choose_device(source.config, mpi), owned.size());
  on_rank_zero(group, "checkpoint", [&] {
    const CheckpointInfo info = load_model(source.checkpoint, *replica);
    require_fixed_weights(*replica, source.checkpoint);
    log_info("model: {} (step {})", source.checkpoint, info.step);
  });
  group.broadcast(std::as_writable_bytes(replica->parameters()), 0, "parameters");
  group.broadcast(std::as_writable_bytes(replica->statistics()), 0, "moving averages");
  replica->upload();
  return replica;
}

}  // namespace annulus::trainer
