// Both files are small enough to be read as a whole: a line an epoch, and a line every ten steps.
#include "trainer/run/epoch_count.hpp"

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "io/files/durable_file.hpp"
#include "trainer/run/step_lines.hpp"

namespace annulus::trainer {
namespace {

using Json = nlohmann::ordered_json;  // keys stay as they were written

/// What a line says of its place in the run.
struct Place {
  std::uint64_t epoch = 0;
  std::uint64_t step = 0;
  bool is_event = false;  ///< then `epoch` was that of the next step
};

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file = open_lines(path);
  std::vector<std::string> lines;
  for (std::string line; next_line(file, path, line);) lines.push_back(line);
  return lines;
}

std::optional<Place> place_in_json(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  const auto is_count = [&](const char* key) { return json.contains(key) && json[key].is_number_unsigned(); };
  if (!json.is_object() || !is_count("epoch") || !is_count("step")) return std::nullopt;
  return Place{.epoch = json["epoch"].get<std::uint64_t>(),
               .step = json["step"].get<std::uint64_t>(),
               .is_event = json.value("kind", Json()) == "event"};
}

std::optional<Place> place_in_csv(const std::string& line) {
  unsigned long long epoch = 0;
  unsigned long long step = 0;
  if (std::sscanf(line.c_str(), "%llu,%llu,", &epoch, &step) != 2) return std::nullopt;
  return Place{.epoch = epoch, .step = step};
}

std::string with_epoch_in_json(const std::string& line, std::uint64_t epoch) {
  Json json = Json::parse(line);
  json["epoch"] = epoch;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string with_epoch_in_csv(const std::string& line, std::uint64_t epoch) {
  return std::to_string(epoch) + line.substr(line.find(','));
}

/// An event at the end of an epoch bore the number of the next one, which is that of its own counted from 1.
std::uint64_t counted_from_one(const Place& place, std::uint64_t steps_per_epoch) {
  const bool at_end = place.is_event && place.step > 0 && place.step % steps_per_epoch == 0;
  return at_end ? place.epoch : place.epoch + 1;
}

struct Form {
  std::optional<Place> (*place_in)(const std::string& line);
  std::string (*with_epoch)(const std::string& line, std::uint64_t epoch);
};

void convert(const std::string& path, std::uint64_t steps_per_epoch, const Form& form) {
  std::vector<std::string> lines = lines_of(path);
  std::optional<Place> first;
  for (const std::string& line : lines)
    if (const auto place = form.place_in(line); !first && place && !place->is_event) first = place;
  if (!first || first->epoch * steps_per_epoch >= first->step) return;
  std::string text;
  for (const std::string& line : lines) {
    const auto place = form.place_in(line);
    text += (place ? form.with_epoch(line, counted_from_one(*place, steps_per_epoch)) : line) + "\n";
  }
  io::write_text_file(path, text);
}

}  // namespace

std::uint64_t epoch_of(std::uint64_t step, std::uint64_t steps_per_epoch) {
  return step == 0 ? 1 : (step - 1) / steps_per_epoch + 1;
}

void count_epochs_from_one(const std::string& json_path, const std::string& csv_path,
                           std::uint64_t steps_per_epoch) {
  convert(json_path, steps_per_epoch, {place_in_json, with_epoch_in_json});
  convert(csv_path, steps_per_epoch, {place_in_csv, with_epoch_in_csv});
}

}  // namespace annulus::trainer
