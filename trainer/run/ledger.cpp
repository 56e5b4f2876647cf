// A line holds half of each tensor's hash: 32 bits tell two tensors apart, and a line of a large network
// stays short. The state's own hash is whole.
#include "trainer/run/ledger.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using Json = nlohmann::ordered_json;  // tensors in the order of the network

constexpr int kTensorShift = 32;  // the upper half is written

std::optional<std::uint64_t> from_hexadecimal(const Json& json) {
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint64_t number_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::optional<LedgerLine> parse(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("step") || !json.contains("state") || !json.contains("tensors"))
    return std::nullopt;
  const auto state = from_hexadecimal(json["state"]);
  if (!state || !json["tensors"].is_object()) return std::nullopt;
  LedgerLine line{.step = number_of(json, "step"),
                  .epoch = number_of(json, "epoch"),
                  .step_in_epoch = number_of(json, "step_in_epoch"),
                  .hashes = {.state = *state, .tensors = {}}};
  for (const auto& [path, value] : json["tensors"].items()) {
    const auto hash = from_hexadecimal(value);
    if (!hash) return std::nullopt;
    line.hashes.tensors.push_back({path, *hash << kTensorShift});
  }
  return line;
}

}  // namespace

LedgerWriter::LedgerWriter(std::string path, std::uint64_t start_step, LaterLines later)
    : path_(std::move(path)) {
  drop_later(path_, {.last_step = start_step, .step_of = step_of_json, .later = later});
  file_ = open_to_append(path_);
}

void LedgerWriter::append(const LedgerLine& line) {
  Json json{{"step", line.step},
            {"epoch", line.epoch},
            {"step_in_epoch", line.step_in_epoch},
            {"state", fmt::format("{:016x}", line.hashes.state)}};
  Json tensors = Json::object();
  for (const StateHashes::Tensor& tensor : line.hashes.tensors)
    tensors[tensor.path] = fmt::format("{:08x}", tensor.hash >> kTensorShift);
  json["tensors"] = std::move(tensors);
  append_line(file_, path_, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::vector<LedgerLine> read_ledger(const std::string& path) {
  std::ifstream file = open_lines(path);
  if (!file) throw DataError("{}: cannot be read, so there is nothing to compare.", path);
  std::vector<LedgerLine> lines;
  std::size_t unreadable = 0;
  for (std::string text; next_line(file, path, text);) {
    if (auto line = parse(text))
      lines.push_back(std::move(*line));
    else
      ++unreadable;
  }
  if (lines.empty() && unreadable > 0)
    throw DataError("{}: none of its {} lines is one of a ledger.", path, unreadable);
  return lines;
}

}  // namespace annulus::trainer
