// Rank 0 touches the files; the others are told what was in them.
#include "trainer/commands/common/load.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/run/checkpoint.hpp"
#include "trainer/run/directory.hpp"

namespace annulus::trainer {
namespace {

std::string broadcast_text(std::string text, comm::ProcessGroup& group) {
  std::uint64_t size = text.size();
  group.broadcast(std::as_writable_bytes(std::span(&size, 1)), 0, "length of the config");
  text.resize(size);
  group.broadcast(std::as_writable_bytes(std::span(text)), 0, "config");
  return text;
}

/// Turns a run directory into the path of its config and, unless one is given, of its best checkpoint.
void locate_model(std::string& config, std::string& checkpoint) {
  namespace fs = std::filesystem;
  if (!fs::exists(config))
    throw UsageError("'{}' does not exist. Name a run directory (such as runs/cifar10) or a config file.",
                     config);
  if (!fs::is_directory(config)) {
    if (!checkpoint.empty()) return;
    throw UsageError(
        "'{}' is a config, so there is no model to load. Name the run directory instead, or add --checkpoint PATH.",
        config);
  }
  const RunDirectory run(config);
  run.stored_config();  // a directory without one is not a run
  for (const char* link : {"best", "latest"}) {
    const fs::path path = run.checkpoints() / link;
    if (checkpoint.empty() && fs::exists(path)) checkpoint = path.string();
  }
  if (checkpoint.empty())
    throw UsageError("'{}' has no finished checkpoint yet. Train first, or name one with --checkpoint PATH.",
                     config);
  config = run.config().string();
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

ModelSource find_model(const std::string& run_or_config, const std::string& checkpoint,
                       const std::vector<std::string>& overrides, comm::MpiSession& mpi) {
  ModelSource source;
  source.checkpoint = checkpoint;
  std::string config = run_or_config;
  on_rank_zero(mpi.group(), "model", [&] { locate_model(config, source.checkpoint); });
  source.config = load_shared_config(config, overrides, mpi).config;
  return source;
}

std::unique_ptr<Replica> load_replica(const ModelSource& source, comm::MpiSession& mpi) {
  comm::ProcessGroup& group = mpi.group();
  check_world(source.config, group.size());
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
