// Which differences between two configurations change the numbers that training computes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "trainer/model/config.hpp"
#include "trainer/model/config_writer.hpp"

namespace annulus::trainer {
namespace {

/// Keys and groups that only decide where, how fast and how often; every other key counts as numeric, so a
/// new key is compared until someone shows that it need not be.
constexpr auto kFree = std::to_array<std::string_view>({"loss.smooth_validation",
                                                        "name",
                                                        "data.validation",
                                                        "data.validation_files",
                                                        "data.validation_label_files",
                                                        "data.test_files",
                                                        "data.test_label_files",
                                                        "data.test",
                                                        "data.loader_threads",
                                                        "data.validation_images",
                                                        "data.validation_labels",
                                                        "data.test_images",
                                                        "data.test_labels",
                                                        "data.gpu_mb",
                                                        "batch.evaluation",
                                                        "device.kind",
                                                        "device.threads",
                                                        "device.graph",
                                                        "device.gpu_sharing",
                                                        "device.isa",
                                                        "device.mixed",
                                                        "bucket_kb",
                                                        "metrics.",
                                                        "checkpoint.",
                                                        "ledger.",
                                                        "early_stopping.",
                                                        "anomaly.",
                                                        "watchdog.",
                                                        "debug",
                                                        "network.strict_shapes"});

bool is_free(const std::string& key) {
  if (key.ends_with(".initializer")) return true;  // of what a run that goes on has long left behind
  return std::any_of(kFree.begin(), kFree.end(), [&](std::string_view free) {
    return free.back() == '.' ? key.starts_with(free) : key == free;
  });
}

bool schedule_spans_the_run(const Config& config) {
  return row_of(kSchedules, config.schedule.kind).spans_the_run;
}

/// Keys and values as they count in a comparison: paddings in pixels, however they were written, and the data
/// set may lie in another folder; its name counts.
std::vector<ConfigValue> comparable_values(Config config) {
  for (std::vector<std::string>* const files : {&config.data.files, &config.data.label_files})
    for (std::string& file : *files) file = file.substr(file.find_last_of('/') + 1);
  ConfigWriter writer(Paddings::pixels);
  describe(writer, config);
  std::vector<ConfigValue> values = writer.values();
  for (ConfigValue& value : values)
    if (value.key == "data.path") value.value = value.value.substr(value.value.find_last_of('/') + 1);
  return values;
}

}  // namespace

std::vector<KeyDifference> numeric_differences(const Config& one, const Config& other) {
  std::map<std::string, std::string> others;
  for (const ConfigValue& value : comparable_values(other)) others[value.key] = value.value;
  const bool epochs_count = schedule_spans_the_run(one) || schedule_spans_the_run(other);
  const bool measured = one.normalisation.kind == io::Normalisation::Kind::per_feature;
  const auto counts = [&](const std::string& key) {
    if (key == "epochs") return epochs_count;
    if (key == "normalisation.mean" || key == "normalisation.deviation") return !measured;
    return !is_free(key);
  };
  std::vector<KeyDifference> differences;
  for (const ConfigValue& value : comparable_values(one)) {
    const auto found = others.find(value.key);
    KeyDifference here{.key = value.key, .one = value.value, .other = ""};
    if (found != others.end()) here.other = others.extract(found).mapped();
    if (here.one != here.other && counts(value.key)) differences.push_back(std::move(here));
  }
  for (const auto& [key, value] : others) {
    if (counts(key)) differences.push_back({.key = key, .one = "", .other = value});
  }
  return differences;
}

std::string to_string(const KeyDifference& difference) {
  const auto shown = [](const std::string& value) { return value.empty() ? "nothing" : value; };
  return fmt::format("{}: {} there, {} now", difference.key, shown(difference.one), shown(difference.other));
}

}  // namespace annulus::trainer
