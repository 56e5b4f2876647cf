// Rank 0 touches the files; the others are told what was in them.
#include "trainer/commands/load.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/checkpoint.hpp"
#include "trainer/control_word.hpp"
#include "trainer/device.hpp"

namespace annulus::trainer {
namespace {

std::string broadcast_text(std::string text, comm::ProcessGroup& group) {
  std::uint64_t size = text.size();
  group.broadcast(std::as_writable_bytes(std::span(&size, 1)), 0, "length of the config");
  text.resize(size);
  group.broadcast(std::as_writable_bytes(std::span(text)), 0, "config");
  return text;
}

}  // namespace

LoadedConfig load_shared_config(const std::string& path, const std::vector<std::string>& overrides,
                                comm::MpiSession& mpi) {
  comm::ProcessGroup& group = mpi.group();
  LoadedConfig loaded;
  if (group.rank() == 0) loaded = load_config(path, overrides);
  const std::string text = broadcast_text(loaded.config.yaml, group);
  if (group.rank() != 0) loaded = parse_config(text, path);
  return loaded;
}

ModelSource find_model(const std::string& run_or_config, const std::string& checkpoint,
                       const std::vector<std::string>& overrides, comm::MpiSession& mpi) {
  namespace fs = std::filesystem;
  if (!fs::exists(run_or_config))
    throw UsageError("'{}' does not exist. Name a run directory (such as runs/cifar10) or a config file.",
                     run_or_config);
  ModelSource source;
  source.checkpoint = checkpoint;
  if (!fs::is_directory(run_or_config)) {
    if (checkpoint.empty())
      throw UsageError(
          "'{}' is a config, so there is no model to load. Name the run directory instead, or add "
          "--checkpoint PATH.",
          run_or_config);
    source.config = load_shared_config(run_or_config, overrides, mpi).config;
    return source;
  }
  source.config = load_shared_config(run_or_config + "/config.yaml", overrides, mpi).config;
  for (const char* link : {"best.h5", "latest.h5", "best", "latest"}) {
    const std::string path = run_or_config + "/checkpoints/" + link;
    if (source.checkpoint.empty() && fs::exists(path)) source.checkpoint = path;
  }
  if (source.checkpoint.empty())
    throw UsageError("'{}' has no finished checkpoint yet. Train first, or name one with --checkpoint PATH.",
                     run_or_config);
  return source;
}

std::unique_ptr<Replica> load_replica(const ModelSource& source, comm::MpiSession& mpi) {
  comm::ProcessGroup& group = mpi.group();
  check_world(source.config, group.size());
  const auto owned = comm::owned_shards(source.config.batch.shards, group.rank(), group.size());
  auto replica = make_replica(source.config, {mpi.world().node_rank, mpi.world().node_ranks}, owned.size());
  if (group.rank() == 0) {
    const CheckpointInfo info = load_model(source.checkpoint, *replica);
    log_info("model: {} (step {})", source.checkpoint, info.step);
  }
  group.broadcast(std::as_writable_bytes(replica->parameters()), 0, "parameters");
  group.broadcast(std::as_writable_bytes(replica->statistics()), 0, "moving averages");
  return replica;
}

}  // namespace annulus::trainer
