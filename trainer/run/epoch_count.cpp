// Read line by line: a run of millions of steps has hundreds of megabytes of them.
#include "trainer/run/epoch_count.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "trainer/run/new_file.hpp"
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

/// By the first line that tells of an epoch.
bool counts_from_zero(const std::string& path, std::uint64_t steps_per_epoch, const Form& form) {
  std::ifstream file = open_lines(path);
  for (std::string line; next_line(file, path, line);)
    if (const auto place = form.place_in(line); place && !place->is_event)
      return place->epoch * steps_per_epoch < place->step;
  return false;
}

void convert(const std::string& path, std::uint64_t steps_per_epoch, const Form& form) {
  if (!counts_from_zero(path, steps_per_epoch, form)) return;
  std::ifstream old = open_lines(path);
  NewFile file(path);
  for (std::string line; next_line(old, path, line);) {
    const auto place = form.place_in(line);
    file.add((place ? form.with_epoch(line, counted_from_one(*place, steps_per_epoch)) : line) + "\n");
  }
  file.publish();
}

/// 10^9: how finely a fraction of an epoch can be written. A decimal of nine places is exact in it.
constexpr std::uint64_t kFractions = 1'000'000'000;

}  // namespace

std::uint64_t epoch_of(std::uint64_t step, std::uint64_t steps_per_epoch) {
  return step == 0 ? 1 : (step - 1) / steps_per_epoch + 1;
}

/// The k-th falls due at step ceil(k * epochs * steps_per_epoch), in whole numbers: in binary 11 times 1.1
/// epochs would be a little less than 12.1.
bool completes_epochs(double epochs, std::uint64_t step, std::uint64_t steps_per_epoch) {
  __extension__ using Wide = unsigned __int128;
  if (epochs <= 0 || step == 0) return false;
  const auto parts = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::llround(epochs * static_cast<double>(kFractions))));
  const Wide period = Wide{parts} * steps_per_epoch;
  const auto completed = [&](std::uint64_t steps) { return Wide{steps} * kFractions / period; };
  return completed(step) > completed(step - 1);
}

void count_epochs_from_one(const std::string& json_path, const std::string& csv_path,
                           std::uint64_t steps_per_epoch) {
  convert(json_path, steps_per_epoch, {place_in_json, with_epoch_in_json});
  convert(csv_path, steps_per_epoch, {place_in_csv, with_epoch_in_csv});
}

}  // namespace annulus::trainer
