// Which differences between two configurations change the numbers that training computes.
#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

/// Keys and groups that only decide where, how fast and how often; every other key counts as numeric, so a
/// new key is compared until someone shows that it need not be.
constexpr std::array<std::string_view, 16> kFree{
    "name",         "data.validation",    "data.test",   "data.loader_threads",
    "data.gpu_mb",  "batch.evaluation",   "device.kind", "device.threads",
    "device.graph", "device.gpu_sharing", "bucket_kb",   "checkpoint.",
    "ledger.",      "early_stopping.",    "anomaly.",    "debug"};

bool is_free(const std::string& key) {
  return std::any_of(kFree.begin(), kFree.end(), [&](std::string_view free) {
    return free.back() == '.' ? key.starts_with(free) : key == free;
  });
}

bool schedule_spans_the_run(const Config& config) {
  return config.schedule.kind == ScheduleKind::cosine || config.schedule.kind == ScheduleKind::one_cycle;
}

/// The data set may lie in another folder; its name counts.
std::string comparable(const Origin& value) {
  if (value.key != "data.path") return value.value;
  return value.value.substr(value.value.find_last_of('/') + 1);
}

}  // namespace

std::vector<std::string> numeric_differences(const Config& one, const Config& other) {
  std::map<std::string, std::string> others;
  for (const Origin& value : config_values(other)) others[value.key] = comparable(value);
  const bool epochs_count = schedule_spans_the_run(one) || schedule_spans_the_run(other);
  const bool measured = one.normalisation.kind == io::Normalisation::Kind::per_feature;
  const auto counts = [&](const std::string& key) {
    if (key == "epochs") return epochs_count;
    if (key == "normalisation.mean" || key == "normalisation.deviation") return !measured;
    return !is_free(key);
  };
  std::vector<std::string> keys;
  for (const Origin& value : config_values(one)) {
    const auto found = others.find(value.key);
    const bool equal = found != others.end() && found->second == comparable(value);
    if (found != others.end()) others.erase(found);
    if (!equal && counts(value.key)) keys.push_back(value.key);
  }
  for (const auto& [key, value] : others) {
    if (counts(key)) keys.push_back(key);
  }
  return keys;
}

}  // namespace annulus::trainer
