// See save_times.hpp. Reads metrics.jsonl, which a killed process may have left with half a line.
#include "trainer/save_times.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace annulus::trainer {

std::optional<double> slowest_save_s(const std::filesystem::path& run) {
  std::ifstream file(run / "metrics.jsonl");
  std::optional<double> slowest;
  for (std::string line; std::getline(file, line);) {
    if (line.find("\"save_s\"") == std::string::npos) continue;
    const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object() || !record.contains("save_s") || !record["save_s"].is_number()) continue;
    slowest = std::max(slowest.value_or(0), record["save_s"].get<double>());
  }
  return slowest;
}

}  // namespace annulus::trainer
