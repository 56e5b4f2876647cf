// What people and programs read about a comparison of two runs.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "trainer/run/comparison.hpp"

namespace annulus::trainer {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShown = 8;

std::string list_of(const std::vector<std::string>& paths, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < std::min(paths.size(), kShown); ++i) text += "\n  " + paths[i];
  if (paths.size() > kShown) text += fmt::format("\n  and {} more", paths.size() - kShown);
  if (paths.empty()) return "only the optimizer's count of updates";
  return fmt::format("{} of {} tensors:{}", paths.size(), count, text);
}

/// How to find the step between two lines of the ledgers.
std::string narrowing(const LedgerComparison& ledgers) {
  if (*ledgers.first_different - ledgers.last_equal.value_or(0) <= 1) return "";
  const std::string from = ledgers.last_equal
                               ? fmt::format("a checkpoint of step {} or before", *ledgers.last_equal)
                               : "the start";
  return fmt::format(
      "Between steps {} and {} the ledgers do not tell. To find the step, train both again from {} into new directories with ledger.every_steps=1 and compare those.\n",
      ledgers.last_equal.value_or(0), *ledgers.first_different, from);
}

std::string text_of(const RunComparison& all, const LedgerComparison& ledgers) {
  std::string text;
  if (ledgers.end_a != ledgers.end_b) {
    const bool a_longer = ledgers.end_a > ledgers.end_b;
    text += fmt::format("{} ends at step {}, {} goes on to step {}: compared is what both have.\n",
                        a_longer ? all.b : all.a, std::min(ledgers.end_a, ledgers.end_b),
                        a_longer ? all.a : all.b, std::max(ledgers.end_a, ledgers.end_b));
  }
  if (!ledgers.first_different)
    return text +
           fmt::format("Equal: the same state at all {} steps that both ledgers have, up to step {}.\n",
                       ledgers.shared, *ledgers.last_equal);
  if (ledgers.last_equal) text += fmt::format("Equal up to step {}. ", *ledgers.last_equal);
  text += fmt::format("First difference at step {}: {}\n", *ledgers.first_different,
                      list_of(ledgers.tensors, ledgers.tensor_count));
  return text + narrowing(ledgers);
}

std::string text_of(const CheckpointComparison& saved) {
  if (saved.same_hash) return fmt::format("The checkpoints of step {} are equal.\n", saved.step);
  std::string text = fmt::format("The checkpoints of step {} differ in {} of {} tensors:\n", saved.step,
                                 saved.tensors.size(), saved.tensor_count);
  for (std::size_t i = 0; i < std::min(saved.tensors.size(), kShown); ++i) {
    const CheckpointComparison::Tensor& tensor = saved.tensors[i];
    text += tensor.values == 0 ? fmt::format("  {}: only one has it, or the extents differ\n", tensor.path)
                               : fmt::format("  {}: {} of {} values, largest difference {:.3g}\n",
                                             tensor.path, tensor.differing, tensor.values, tensor.largest);
  }
  if (saved.tensors.size() > kShown) text += fmt::format("  and {} more\n", saved.tensors.size() - kShown);
  return text;
}

std::string list_of(const char* title, const RunComparison& all, const std::vector<KeyDifference>& keys) {
  if (keys.empty()) return "";
  std::string text = fmt::format("{}\n", title);
  for (const KeyDifference& key : keys)
    text += fmt::format("  {}: {} in {}, {} in {}\n", key.key, key.one.empty() ? "nothing" : key.one, all.a,
                        key.other.empty() ? "nothing" : key.other, all.b);
  return text;
}

Json json_of(const std::vector<KeyDifference>& keys) {
  Json list = Json::array();
  for (const KeyDifference& key : keys) list.push_back({{"key", key.key}, {"a", key.one}, {"b", key.other}});
  return list;
}

Json json_of(const std::optional<std::uint64_t>& step) { return step ? Json(*step) : Json(nullptr); }

Json json_of(const CheckpointComparison& saved) {
  Json tensors = Json::array();
  for (const CheckpointComparison::Tensor& tensor : saved.tensors)
    tensors.push_back({{"path", tensor.path},
                       {"values", tensor.values},
                       {"differing", tensor.differing},
                       {"largest_difference", tensor.largest}});
  return {{"step", saved.step}, {"equal", saved.same_hash}, {"tensors", tensors}};
}

}  // namespace

std::string to_text(const RunComparison& comparison) {
  std::string text;
  if (comparison.ledgers)
    text += text_of(comparison, *comparison.ledgers);
  else
    text += fmt::format("Checkpoints are compared, for {}.\n", comparison.no_ledgers);
  if (comparison.checkpoints) text += text_of(*comparison.checkpoints);
  text += list_of("What the numbers of the training data mean differs:", comparison, comparison.data);
  if (comparison.same_state()) return text;
  text += list_of("The configurations differ in what changes numbers:", comparison, comparison.config);
  if (comparison.config.empty())
    text += "The configurations ask for the same numbers, so the cause lies in data, devices or libraries.\n";
  return text + list_of("The environments differ:", comparison, comparison.environment);
}

std::string to_json(const RunComparison& comparison) {
  Json json{{"a", comparison.a}, {"b", comparison.b}, {"equal", comparison.equal()}};
  if (const auto& ledgers = comparison.ledgers) {
    json["ledgers"] = {{"shared_steps", ledgers->shared},
                       {"end_a", ledgers->end_a},
                       {"end_b", ledgers->end_b},
                       {"last_equal", json_of(ledgers->last_equal)},
                       {"first_different", json_of(ledgers->first_different)},
                       {"tensors", ledgers->tensors}};
  }
  if (comparison.checkpoints) json["checkpoints"] = json_of(*comparison.checkpoints);
  json["config"] = json_of(comparison.config);
  json["environment"] = json_of(comparison.environment);
  json["data"] = json_of(comparison.data);
  return json.dump(2, ' ', false, Json::error_handler_t::replace);  // names in files may be any bytes
}

}  // namespace annulus::trainer
