// See run_request.hpp.
#include "trainer/run/run_request.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/run/checkpoint.hpp"
#include "trainer/run/checkpoint_store.hpp"

namespace annulus::trainer {
namespace {

std::uint64_t parameter_bytes(const Network& network) {
  std::uint64_t bytes = 0;
  for (const Layer& layer : network.layers)
    bytes += static_cast<std::uint64_t>(parameter_count(layer)) * sizeof(float);
  return bytes;
}

}  // namespace

bool is_named(const std::string& resume) { return resume != "auto" && resume != "none"; }

StoredDifferences refused_by(ResumeRules& rules, const RunDirectory& directory) {
  return [&rules, source = directory.config().string()](const std::string& stored) {
    rules.compare_config(stored, source);
    return Refusal{rules.refused(), rules.remedy()};
  };
}

void check_run(const Config& config, const RunRequest& request) {
  const RunDirectory directory(request.run_directory);
  ResumeRules rules(config, request.allow_change);
  check_run(directory, refused_by(rules, directory), parameter_bytes(config.network));
  if (!is_named(request.resume)) return;
  rules.compare_config(read_checkpoint_info(request.resume).config, request.resume);
  rules.require(request.resume);
}

std::optional<CheckpointInfo> stored_info(const RunRequest& request) {
  if (request.resume == "none") return std::nullopt;
  if (is_named(request.resume)) return read_checkpoint_info(request.resume);
  return CheckpointStore(RunDirectory(request.run_directory).checkpoints().string(), {}).newest_info();
}

std::optional<io::DataSignature> stored_signature(const RunRequest& request) {
  const std::optional<CheckpointInfo> info = stored_info(request);
  return info ? info->data : std::nullopt;
}

std::optional<io::Normalisation> measured_before(const CheckpointInfo& info, const Config& config) {
  constexpr auto kMeasured = io::Normalisation::Kind::per_feature;
  if (config.normalisation.kind != kMeasured) return std::nullopt;
  try {
    const io::Normalisation then = parse_stored_config(info.config, "the checkpoint").config.normalisation;
    if (then.kind != kMeasured || then.mean.empty() || then.rescale != config.normalisation.rescale)
      return std::nullopt;
    return then;
  } catch (const Error& error) {  // restore() says what is wrong with it
    log_debug("mean and deviation of the earlier start are not known: {}", error.what());
    return std::nullopt;
  }
}

EarlierStart glance_at_run(const RunRequest& request) {
  EarlierStart earlier;
  if (request.resume == "none") return earlier;
  try {
    std::string path = request.resume;
    if (!is_named(path)) {
      const CheckpointStore store(RunDirectory(request.run_directory).checkpoints().string(), {});
      const std::vector<std::uint64_t> steps = store.steps();
      if (steps.empty()) return earlier;
      path = store.path_of(steps.back());
    }
    earlier.goes_on = 1;
    const CheckpointInfo info = glance_at_checkpoint(path);
    earlier.instructions =
        enum_of<InstructionSet>(info.numbers.instructions).value_or(InstructionSet::automatic);
    earlier.streams = info.streams;
  } catch (const Error& error) {
    log_debug("{}: what the run kept to is not known ({})", request.run_directory, error.what());
  }
  return earlier;
}

}  // namespace annulus::trainer
