// From the files of a run to a summary. Nothing here waits: a rank that does not answer is what one wants to
// see.
#include "trainer/run/status.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "io/files/link.hpp"
#include "trainer/run/checkpoint_store.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/step_lines.hpp"
#include "trainer/watch/crash_record.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// A rank of another host whose heartbeat is older may be gone; of this host the system knows.
constexpr double kSilentSeconds = 30;
constexpr std::streamoff kTailBytes = 1 << 16;

std::string read_tail(const fs::path& path) {
  std::ifstream file = open_lines(path.string());
  if (!file.seekg(0, std::ios::end)) return {};
  const std::streamoff size = file.tellg();
  const std::streamoff begin = std::max<std::streamoff>(0, size - kTailBytes);
  file.seekg(begin);
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::optional<double> real(const Json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

/// The number under "PREFIXtop_K_accuracy", and its K.
std::optional<TopAccuracy> top_in(const Json& record, const std::string& prefix) {
  for (const auto& [key, value] : record.items()) {
    int k = 0;
    if (!key.starts_with(prefix) || !value.is_number()) continue;
    if (std::sscanf(key.c_str() + prefix.size(), "top_%d_", &k) != 1 || key != prefix + top_accuracy_key(k))
      continue;
    return TopAccuracy{k, value.get<double>()};
  }
  return std::nullopt;
}

std::optional<std::uint64_t> whole(const Json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

/// Clocks of hosts that are kept alike differ by less than that.
constexpr double kClockSeconds = 2;

std::optional<double> age_of(const Heartbeat& beat) {
  const double age = unix_seconds() - beat.time;
  if (age < -kClockSeconds) return std::nullopt;
  return std::max(age, 0.0);
}

std::string condition_of(const RankStatus& rank, const ProcessIdentity& observer) {
  const Heartbeat& beat = rank.beat;
  if (beat.state == RankState::ended) return "ended";
  const Life life = look_up(beat.identity(), observer);
  const bool failed = beat.state == RankState::failed || !rank.failure.empty();
  if (life == Life::gone) return failed ? "failed" : "dead";
  if (life == Life::stopped || life == Life::traced) return "stopped";
  if (life == Life::elsewhere && !rank.age_seconds) return failed ? "failed" : "unclear";
  if (life == Life::elsewhere && *rank.age_seconds > kSilentSeconds) return failed ? "failed" : "silent";
  return beat.waiting ? "waiting" : "working";
}

bool is_alive(const RankStatus& rank) {
  return rank.condition == "working" || rank.condition == "waiting" || rank.condition == "stopped" ||
         rank.condition == "unclear";
}

/// Heartbeats of the last start: rank 0 tells which that is.
std::map<int, Heartbeat> last_start(const fs::path& folder) {
  std::map<int, Heartbeat> beats = read_heartbeats(folder);
  const auto zero = beats.find(0);
  if (zero == beats.end()) return beats;
  const std::uint64_t start = zero->second.start;
  std::erase_if(beats, [start](const auto& entry) { return entry.second.start != start; });
  return beats;
}

void judge_state(RunStatus& status) {
  const auto& ranks = status.rank_status;
  if (ranks.empty()) {
    status.state = "not started";
  } else if (std::any_of(ranks.begin(), ranks.end(), is_alive)) {
    status.state = "running";
  } else if (std::all_of(ranks.begin(), ranks.end(),
                         [](const auto& rank) { return rank.condition == "ended"; })) {
    status.exit_code = ranks.front().beat.exit_code;
    status.state = status.exit_code == static_cast<int>(ExitCode::stopped) ? "stopped" : "ended";
  } else {
    status.state = "died";
  }
}

void read_ranks(const fs::path& run, RunStatus& status) {
  const auto beats = last_start(run / "heartbeats");
  const auto failures = read_failures(run / "crash");
  const ProcessIdentity observer = own_identity(host_name());
  for (const auto& [number, beat] : beats) {
    RankStatus rank{.beat = beat, .age_seconds = age_of(beat), .condition = {}, .failure = {}};
    if (const auto found = failures.find(number); found != failures.end()) rank.failure = found->second;
    rank.condition = condition_of(rank, observer);
    status.ranks = beat.ranks;
    status.step = std::max(status.step, beat.step);
    status.total_steps = std::max(status.total_steps, beat.total_steps);
    status.steps_per_epoch = std::max(status.steps_per_epoch, beat.steps_per_epoch);
    status.rank_status.push_back(std::move(rank));
  }
  judge_state(status);
  if (status.state == "running") status.slow = find_slow(beats);
}

void read_checkpoints(const RunDirectory& directory, RunStatus& status) {
  std::error_code none;
  if (!fs::is_directory(directory.checkpoints(), none)) return;
  const CheckpointStore store(directory.checkpoints().string(), {});
  status.checkpoints = store.steps();
  const std::string best = io::link_target(directory.checkpoints() / "best").value_or("");
  for (const std::uint64_t step : status.checkpoints)
    if (fs::path(store.path_of(step)).filename() == best) status.best_checkpoint = step;
}

}  // namespace

LastFigures last_figures(const std::string& text) {
  LastFigures last;
  std::uint64_t first_step = 0;
  double first_time = 0;  // 0: none since the last event
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) continue;  // the first line of a tail, the last one of a killed process
    const auto kind = record.find("kind");
    if (kind == record.end()) continue;
    if (*kind == "epoch") {
      last.validation_accuracy = real(record, "validation_accuracy");
      last.validation_top = top_in(record, "validation_");
    }
    if (*kind == "event") first_time = 0;  // a new start, say: time has passed in between
    if (*kind != "step") continue;
    last.step = whole(record, "step");
    last.epoch = whole(record, "epoch");
    last.loss = real(record, "loss");
    last.accuracy = real(record, "accuracy");
    last.top = top_in(record, "");
    last.images_per_second = real(record, "images_per_second");
    const double time = real(record, "time").value_or(0);
    const std::uint64_t step = last.step.value_or(0);
    if (first_time <= 0) {
      first_step = step;
      first_time = time;
    }
    if (step > first_step && time > first_time)
      last.steps_per_second = static_cast<double>(step - first_step) / (time - first_time);
  }
  return last;
}

RunStatus read_run_status(const fs::path& run) {
  const RunDirectory directory(run);
  static_cast<void>(directory.stored_config());  // says what is wrong when this is not a run
  RunStatus status;
  read_ranks(run, status);
  status.figures = last_figures(read_tail(run / "metrics.jsonl"));
  if (status.step == 0) status.step = status.figures.step.value_or(0);
  read_checkpoints(directory, status);
  const auto rate = status.figures.steps_per_second;
  if (status.state == "running" && rate && status.total_steps >= status.step)
    status.seconds_left = static_cast<double>(status.total_steps - status.step) / *rate;
  return status;
}

}  // namespace annulus::trainer
