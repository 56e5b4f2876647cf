// See environment.hpp. Version and git id are defined for this file alone by CMakeLists.txt.
#include "trainer/run/environment.hpp"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace annulus::trainer {
namespace {

using Json = nlohmann::ordered_json;

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
  return text;
}

/// Moves an earlier start and its own predecessors into a list, oldest first.
Json earlier_starts(const std::string& previous) {
  Json starts = Json::array();
  if (previous.empty()) return starts;
  Json last = Json::parse(previous, nullptr, false);
  if (!last.is_object()) {
    log_warning("environment.json of the earlier start cannot be read; it is replaced.");
    return starts;
  }
  if (last.contains("earlier_starts") && last["earlier_starts"].is_array()) starts = last["earlier_starts"];
  last.erase("earlier_starts");
  starts.push_back(std::move(last));
  return starts;
}

}  // namespace

std::string program_version() {
  const std::string id = ANNULUS_GIT_ID;
  return fmt::format("annulus {}{}", ANNULUS_VERSION, id.empty() ? "" : fmt::format(" (git {})", id));
}

std::string environment_json(const EnvironmentFacts& facts, const std::string& previous) {
  Json json;
  json["program"] = program_version();
  json["git_id"] = ANNULUS_GIT_ID;
  json["compiler"] = __VERSION__;
  json["started"] = utc_now();
  std::error_code unknown;
  json["working_directory"] = std::filesystem::current_path(unknown).string();
  json["command_line"] = facts.command_line;
  json["ranks"] = facts.hosts.size();
  json["hosts"] = facts.hosts;
  json["devices"] = facts.devices;
  json["machine"] = facts.machine;
  json["instructions"] = facts.instructions;
  if (facts.trial != 0) json["trial"] = fmt::format("{:016x}", facts.trial);
  json["gradient_buckets"] = {{"kb", facts.bucket_kb}, {"origin", facts.bucket_origin}};
  if (!facts.allowed_changes.empty()) json["allowed_changes"] = facts.allowed_changes;
  json["libraries"] = Json::object();
  for (const auto& library : facts.libraries) json["libraries"][library.name] = library.version;
  json["earlier_starts"] = earlier_starts(previous);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace annulus::trainer
