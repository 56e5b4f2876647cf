// Crash records, and the one file (`origin`) that settles who speaks: made with O_EXCL, it has one maker.
#include "trainer/watch/crash_record.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file_kind.hpp"
#include "io/files/small_file.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json activity(const VitalSigns& signs, double now) {
  return {{"phase", to_string(signs.phase)},
          {"step", signs.step},
          {"text", signs.text.data()},
          {"waiting", signs.waiting},
          {"seconds_ago", now - signs.since}};
}

Json recent(double now) {
  std::array<VitalSigns, kActivitiesKept> activities;
  const std::size_t count = recent_activities(activities);
  Json list = Json::array();
  for (std::size_t i = 0; i < count; ++i) list.push_back(activity(activities[i], now));
  return list;
}

Json peers(const WatchState& state) {
  Json list = Json::array();
  for (const auto& [rank, beat] : state.peers.heartbeats()) list.push_back(Json::parse(to_line(beat)));
  return list;
}

}  // namespace

std::string crash_record(const WatchState& state, const CrashFacts& facts) {
  const ProcessIdentity& self = state.party.self();
  const double now = steady_seconds();
  const Json json{{"kind", "crash"},
                  {"rank", state.party.rank},
                  {"ranks", state.party.ranks()},
                  {"host", self.host.data()},
                  {"process", self.process},
                  {"time", unix_seconds()},
                  {"message", facts.message},
                  {"exit_code", facts.exit_code},
                  {"origin", facts.origin},
                  {"phase", to_string(facts.signs.phase)},
                  {"step", facts.signs.step},
                  {"text", facts.signs.text.data()},
                  {"waiting", facts.signs.waiting},
                  {"quiet_seconds", state.quiet_seconds.load()},
                  {"limit_seconds", state.limit_seconds.load()},
                  {"checkpoint_step", vital_figures().checkpoint_step},
                  {"command_line", state.command_line},
                  {"recent", recent(now)},
                  {"heartbeats", peers(state)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool write_crash_record(const fs::path& folder, const WatchState& state, const CrashFacts& facts) {
  const fs::path path = folder / fmt::format("rank-{}.json", state.party.rank);
  require_writable_kind(path);
  std::ofstream file(path);
  file << crash_record(state, facts) << std::flush;
  return file.good();
}

std::map<int, std::string> read_failures(const fs::path& folder) {
  constexpr std::uint64_t kMostBytes = 64 << 20;  // with the heartbeats of as many ranks as there may be
  std::map<int, std::string> found;
  std::error_code none;
  for (auto entry = fs::directory_iterator(folder, none); !none && entry != fs::directory_iterator();
       entry.increment(none)) {
    if (entry->path().extension() != ".json") continue;
    const auto text = io::read_small_file(entry->path(), kMostBytes);
    const Json json = Json::parse(text.value_or(""), nullptr, false);
    if (!json.is_object()) continue;  // being written, cut short, or of somebody else
    const auto rank = json.find("rank");
    const auto origin = json.find("origin");
    const auto message = json.find("message");
    const bool own = rank != json.end() && rank->is_number_unsigned() &&
                     rank->get<std::uint64_t>() < std::uint64_t{kMostRanks} && origin != json.end() &&
                     *origin == *rank && message != json.end() && message->is_string();
    if (own) found[rank->get<int>()] = message->get<std::string>();
  }
  return found;
}

/// The first to make the file speaks. Where that cannot be found out (no such folder, a full disk), this rank
/// does: a message twice is better than none.
bool claim_origin(const fs::path& folder, int rank) {
  const int file = open((folder / "origin").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (file < 0) return errno != EEXIST;
  const std::string text = fmt::format("rank {}\n", rank);
  const ssize_t written = write(file, text.data(), text.size());
  static_cast<void>(written);  // that the file exists is what counts
  close(file);
  return true;
}

void clear_traces(const fs::path& run) {
  try {
    const fs::path crash = run / "crash";
    const fs::path earlier = crash / "earlier";
    std::vector<fs::path> old;
    for (const auto& entry : fs::directory_iterator(crash))
      if (entry.path() != earlier) old.push_back(entry.path());
    if (!old.empty()) {
      fs::remove_all(earlier);
      fs::create_directories(earlier);
    }
    for (const fs::path& path : old) fs::rename(path, earlier / path.filename());
    fs::remove_all(run / "heartbeats");
    fs::create_directories(run / "heartbeats");
  } catch (const fs::filesystem_error& error) {
    throw RuntimeError(
        "what an earlier start left in the run directory cannot be cleared: {}. Check the permissions of crash/ and heartbeats/ there.",
        error.what());
  }
}

}  // namespace annulus::trainer
