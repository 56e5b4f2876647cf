// Everything that is read is checked: a file may be torn, of an older program, or of somebody else.
#include "trainer/watch/heartbeat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "io/files/small_file.hpp"

namespace annulus::trainer {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestText = 200;

/// Reads members of one type after another; `good` says whether all were there and sane.
class MemberReader {
 public:
  explicit MemberReader(const Json& json) : json_(json) {}
  bool good() const { return good_; }

  template <class Whole>
  Whole whole(const char* name, Whole low, Whole high) {
    const Json* member = find(name);
    if (member == nullptr || !member->is_number_integer()) return fail(low);
    // Compared in the type that holds it: a number beyond int64 is stored unsigned.
    if (member->is_number_unsigned()) {
      const auto value = member->get<std::uint64_t>();
      if (value > static_cast<std::uint64_t>(high)) return fail(low);
      return value < static_cast<std::uint64_t>(std::max<Whole>(low, 0)) ? fail(low)
                                                                         : static_cast<Whole>(value);
    }
    return fail(low);  // negative
  }
  std::uint64_t number(const char* name) {
    return whole<std::uint64_t>(name, 0, std::numeric_limits<std::uint64_t>::max());
  }
  double real(const char* name) {
    const Json* member = find(name);
    if (member == nullptr || !member->is_number()) return fail(0.0);
    const auto value = member->get<double>();
    return std::isfinite(value) ? value : fail(0.0);
  }
  bool flag(const char* name) {
    const Json* member = find(name);
    return member != nullptr && member->is_boolean() ? member->get<bool>() : fail(false);
  }
  std::string text(const char* name) {
    const Json* member = find(name);
    if (member == nullptr || !member->is_string()) return fail(std::string());
    return member->get<std::string>().substr(0, kLongestText);
  }
  /// The value that a word stands for.
  template <class Enum>
  Enum choice(const char* name) {
    const auto value = enum_of<Enum>(text(name));
    return value ? *value : fail(Enum{});
  }

 private:
  const Json* find(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }
  template <class Value>
  Value fail(Value value) {
    good_ = false;
    return value;
  }

  const Json& json_;
  bool good_ = true;
};

Json to_json(const Heartbeat& beat) {
  return {{"kind", "heartbeat"},
          {"start", beat.start},
          {"rank", beat.rank},
          {"ranks", beat.ranks},
          {"host", beat.host.substr(0, 64)},
          {"process", beat.process},
          {"process_started", beat.process_started},
          {"place", beat.place},
          {"state", word_of(beat.state)},
          {"exit_code", beat.exit_code},
          {"phase", to_string(beat.phase)},
          {"waiting", beat.waiting},
          {"step", beat.step},
          {"text", beat.text.substr(0, VitalSigns::kTextBytes)},
          {"quiet_seconds", beat.quiet_seconds},
          {"limit_seconds", beat.limit_seconds},
          {"time", beat.time},
          {"beats", beat.beats},
          {"own_step_seconds", beat.own_step_seconds},
          {"images_per_second", beat.images_per_second},
          {"checkpoint_step", beat.checkpoint_step},
          {"total_steps", beat.total_steps},
          {"steps_per_epoch", beat.steps_per_epoch},
          {"resident_mb", beat.resident_mb}};
}

}  // namespace

ProcessIdentity Heartbeat::identity() const {
  ProcessIdentity identity{.process = process, .started = process_started, .place = place};
  std::memcpy(identity.host.data(), host.data(), std::min(host.size(), identity.host.size() - 1));
  return identity;
}

std::string to_line(const Heartbeat& heartbeat) {
  const auto dump = [](const Heartbeat& beat) {
    return to_json(beat).dump(-1, ' ', true, Json::error_handler_t::replace);
  };
  std::string line = dump(heartbeat);
  if (line.size() >= kHeartbeatBytes) {  // a text of control characters, each written as six
    Heartbeat shorter = heartbeat;
    shorter.text.clear();
    shorter.host = shorter.host.substr(0, 16);
    line = dump(shorter);
  }
  line.resize(kHeartbeatBytes - 1, ' ');
  return line + '\n';
}

std::optional<Heartbeat> parse_heartbeat(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  MemberReader read(json);
  if (read.text("kind") != "heartbeat") return std::nullopt;
  Heartbeat beat;
  beat.start = read.number("start");
  beat.rank = read.whole("rank", 0, kMostRanks);
  beat.ranks = read.whole("ranks", 1, kMostRanks);
  beat.host = read.text("host");
  beat.process = read.whole<std::int64_t>("process", 0, std::numeric_limits<std::int32_t>::max());
  beat.process_started = read.number("process_started");
  beat.place = read.number("place");
  beat.state = read.choice<RankState>("state");
  beat.exit_code = read.whole("exit_code", 0, 255);
  beat.phase = read.choice<Phase>("phase");
  beat.waiting = read.flag("waiting");
  beat.step = read.number("step");
  beat.text = read.text("text");
  beat.quiet_seconds = read.real("quiet_seconds");
  beat.limit_seconds = read.real("limit_seconds");
  beat.time = read.real("time");
  beat.beats = read.number("beats");
  beat.own_step_seconds = read.real("own_step_seconds");
  beat.images_per_second = read.real("images_per_second");
  beat.checkpoint_step = read.number("checkpoint_step");
  beat.total_steps = read.number("total_steps");
  beat.steps_per_epoch = read.number("steps_per_epoch");
  beat.resident_mb = read.real("resident_mb");
  if (!read.good() || beat.rank >= beat.ranks) return std::nullopt;
  return beat;
}

std::filesystem::path heartbeat_file(const std::filesystem::path& folder, int rank) {
  return folder / fmt::format("rank-{}.json", rank);
}

std::map<int, Heartbeat> read_heartbeats(const std::filesystem::path& folder) {
  std::map<int, Heartbeat> found;
  std::error_code none;
  for (auto entry = std::filesystem::directory_iterator(folder, none);
       !none && entry != std::filesystem::directory_iterator(); entry.increment(none)) {
    const auto text = io::read_small_file(entry->path(), kHeartbeatBytes);
    const auto beat = text ? parse_heartbeat(*text) : std::nullopt;
    if (beat && entry->path() == heartbeat_file(folder, beat->rank)) found[beat->rank] = *beat;
  }
  return found;
}

}  // namespace annulus::trainer
