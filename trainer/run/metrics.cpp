// One record in three forms: JSON lines for programs, CSV per epoch for people, event files for TensorBoard.
#include "trainer/run/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "trainer/run/epoch_count.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;  // keys as written: kind and step first

constexpr const char* kCsvHeader =
    "epoch,step,loss,accuracy,validation_loss,validation_accuracy,learning_rate,images_per_second,seconds";

Json json_of(const std::variant<double, std::uint64_t>& value) {
  if (const auto* whole = std::get_if<std::uint64_t>(&value)) return *whole;
  const double real = std::get<double>(value);
  return std::isfinite(real) ? Json(real) : Json(nullptr);
}

Json record(const char* kind, MetricPosition at) {
  return {{"kind", kind}, {"step", at.step}, {"epoch", at.epoch}, {"time", unix_seconds()}};
}

void add(Json& json, const std::vector<Metric>& metrics) {
  for (const Metric& metric : metrics) json[metric.name] = json_of(metric.value);
}

std::vector<Metric> metrics_of(const EpochRow& row) {
  std::vector<Metric> metrics{{"loss", row.loss}, {"accuracy", row.accuracy}};
  if (row.top) metrics.push_back({top_accuracy_key(row.top->k), row.top->share});
  if (row.validation_loss) metrics.push_back({"validation_loss", *row.validation_loss});
  if (row.validation_accuracy) metrics.push_back({"validation_accuracy", *row.validation_accuracy});
  if (row.validation_top)
    metrics.push_back({"validation_" + top_accuracy_key(row.validation_top->k), row.validation_top->share});
  if (row.validation_macro_recall)
    metrics.push_back({"validation_macro_recall", *row.validation_macro_recall});
  metrics.push_back({"learning_rate", row.learning_rate});
  metrics.push_back({"images_per_second", row.images_per_second});
  metrics.push_back({"seconds", row.seconds});
  if (row.read) {
    metrics.push_back({"read_bytes", row.read->read_bytes});
    metrics.push_back({"chunks_unpacked", row.read->chunks_unpacked});
  }
  return metrics;
}

std::string optional_text(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::optional<std::uint64_t> step_of_csv(const std::string& line) {
  unsigned long long epoch = 0;
  unsigned long long step = 0;
  if (line.ends_with('\r') || std::sscanf(line.c_str(), "%llu,%llu,", &epoch, &step) != 2)
    return std::nullopt;
  const auto wanted = std::count(kCsvHeader, kCsvHeader + std::strlen(kCsvHeader), ',');
  if (std::count(line.begin(), line.end(), ',') != wanted) return std::nullopt;
  return step;
}

bool is_epoch_row(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  return json.is_object() && json.value("kind", Json()) == "epoch";
}

}  // namespace

MetricsWriter::MetricsWriter(const std::string& run_directory, const MetricsStart& start)
    : json_path_((fs::path(run_directory) / "metrics.jsonl").string()),
      csv_path_((fs::path(run_directory) / "metrics.csv").string()),
      events_(run_directory) {
  drop_later(json_path_, {.last_step = start.step,
                          .step_of = step_of_json,
                          .later = start.later,
                          .superseded = [&](const std::string& line) {
                            return start.finishes_epoch && is_epoch_row(line) &&
                                   step_of_json(line) == start.step;
                          }});
  drop_later(csv_path_, {.last_step = start.step,
                         .step_of = step_of_csv,
                         .header = kCsvHeader,
                         .later = start.later,
                         .superseded = [&](const std::string& line) {
                           return start.finishes_epoch && step_of_csv(line) == start.step;
                         }});
  count_epochs_from_one(json_path_, csv_path_, start.steps_per_epoch);
  json_ = open_to_append(json_path_);
  csv_ = open_to_append(csv_path_);
  events_.restart_at(start.step + 1);
}

void MetricsWriter::draw(MetricPosition at, const std::string& group, const std::vector<Metric>& metrics) {
  std::vector<io::Scalar> scalars;
  for (const Metric& metric : metrics)
    if (const auto* real = std::get_if<double>(&metric.value))
      scalars.push_back({group + "/" + metric.name, *real});
  events_.write(at.step, scalars);
}

void MetricsWriter::step(MetricPosition at, const std::vector<Metric>& metrics) {
  Json json = record("step", at);
  add(json, metrics);
  append_line(json_, json_path_, json.dump());
  draw(at, "train", metrics);
}

void MetricsWriter::evaluation(MetricPosition at, const std::string& split,
                               const std::vector<Metric>& metrics) {
  Json json = record("evaluation", at);
  json["split"] = split;
  add(json, metrics);
  append_line(json_, json_path_, json.dump());
  draw(at, split, metrics);
}

void MetricsWriter::epoch(const EpochRow& row) {
  const std::vector<Metric> metrics = metrics_of(row);
  Json json = record("epoch", row.at);
  add(json, metrics);
  append_line(json_, json_path_, json.dump());
  append_line(csv_, csv_path_,
              fmt::format("{},{},{},{},{},{},{},{},{}", row.at.epoch, row.at.step, row.loss, row.accuracy,
                          optional_text(row.validation_loss), optional_text(row.validation_accuracy),
                          row.learning_rate, row.images_per_second, row.seconds));
  draw(row.at, "epoch", metrics);
}

void MetricsWriter::event(MetricPosition at, const std::string& text, const std::vector<Metric>& metrics) {
  Json json = record("event", at);
  json["text"] = text;
  add(json, metrics);
  append_line(json_, json_path_, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace annulus::trainer
