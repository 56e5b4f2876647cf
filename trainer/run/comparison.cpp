// From ledgers and checkpoints to the first step that differs; the texts are in comparison_text.cpp.
#include "trainer/run/comparison.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "trainer/run/checkpoint.hpp"
#include "trainer/run/checkpoint_store.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/signature_file.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

/// Tensors whose hashes differ, or that only one has.
std::vector<std::string> differing(const StateHashes& a, const StateHashes& b) {
  std::map<std::string, std::uint64_t> others;
  for (const StateHashes::Tensor& tensor : b.tensors) others[tensor.path] = tensor.hash;
  std::vector<std::string> paths;
  for (const StateHashes::Tensor& tensor : a.tensors) {
    const auto found = others.find(tensor.path);
    if (found == others.end() || found->second != tensor.hash) paths.push_back(tensor.path);
    if (found != others.end()) others.erase(found);
  }
  for (const auto& [path, hash] : others) paths.push_back(path);
  return paths;
}

/// Paths of the tensors of a checkpoint: groups are at most three deep.
std::set<std::string> tensor_paths(const io::Hdf5File& file) {
  std::set<std::string> paths;
  for (const auto& [group, depth] : {std::pair("parameters", 2), std::pair("optimizer", 3)})
    for (const std::string& path : file.datasets(group, depth)) paths.insert(path);
  return paths;
}

CheckpointComparison::Tensor compare_values(const std::string& path, const io::Hdf5File& a,
                                            const io::Hdf5File& b) {
  CheckpointComparison::Tensor result{.path = path};
  const std::vector<float> one = a.read<float>(path);
  const std::vector<float> other = b.read<float>(path);
  if (one.size() != other.size()) return result;
  result.values = one.size();
  for (std::size_t i = 0; i < one.size(); ++i) {
    // As bits, like the hashes: 0 and -0 differ, and a NaN equals itself.
    if (std::bit_cast<std::uint32_t>(one[i]) == std::bit_cast<std::uint32_t>(other[i])) continue;
    ++result.differing;
    const double difference = std::abs(static_cast<double>(one[i]) - static_cast<double>(other[i]));
    if (!(difference <= result.largest)) result.largest = difference;  // NaN too
  }
  return result;
}

/// The first step with checkpoints in both that differ, else the last step with checkpoints in both.
std::optional<CheckpointComparison> compare_saved(const RunDirectory& a, const RunDirectory& b) {
  const CheckpointStore ones(a.checkpoints().string(), {});
  const CheckpointStore others(b.checkpoints().string(), {});
  const std::vector<std::uint64_t> there = others.steps();
  std::optional<CheckpointComparison> last;
  for (const std::uint64_t step : ones.steps()) {
    if (!std::ranges::binary_search(there, step)) continue;
    last = compare_checkpoints(ones.path_of(step), others.path_of(step));
    if (!last->same_hash) break;
  }
  return last;
}

std::string text_of(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::vector<KeyDifference> environment_differences(const RunDirectory& a, const RunDirectory& b) {
  const auto read = [](const RunDirectory& run) {
    auto json = nlohmann::json::parse(run.stored_environment(), nullptr, false);
    return json.is_object() ? json : nlohmann::json::object();
  };
  const nlohmann::json one = read(a), other = read(b);
  std::vector<KeyDifference> differences;
  for (const char* key :
       {"program", "compiler", "ranks", "devices", "machine", "trial", "libraries", "gradient_buckets"})
    if (text_of(one, key) != text_of(other, key))
      differences.push_back({key, text_of(one, key), text_of(other, key)});
  return differences;
}

void add_ledgers(RunComparison& comparison, const RunDirectory& a, const RunDirectory& b) {
  for (const RunDirectory* run : {&a, &b}) {
    if (fs::exists(run->ledger())) continue;
    comparison.no_ledgers = run->path().string() + " keeps no ledger (ledger.every_steps: 0)";
    return;
  }
  const LedgerComparison ledgers =
      compare_ledgers(read_ledger(a.ledger().string()), read_ledger(b.ledger().string()));
  if (ledgers.shared > 0)
    comparison.ledgers = ledgers;
  else
    comparison.no_ledgers = fmt::format(
        "the ledgers share no step: {} has {} up to step {}, {} has {} up to step {}", comparison.a,
        ledgers.steps_a, ledgers.end_a, comparison.b, ledgers.steps_b, ledgers.end_b);
}

Config config_of(const RunDirectory& run) {
  return parse_stored_config(run.stored_config(), run.config().string()).config;
}

}  // namespace

LedgerComparison compare_ledgers(const std::vector<LedgerLine>& a, const std::vector<LedgerLine>& b) {
  LedgerComparison result{.steps_a = a.size(),
                          .steps_b = b.size(),
                          .end_a = a.empty() ? 0 : a.back().step,
                          .end_b = b.empty() ? 0 : b.back().step};
  std::map<std::uint64_t, const LedgerLine*> others;
  for (const LedgerLine& line : b) others[line.step] = &line;
  for (const LedgerLine& line : a) {
    const auto found = others.find(line.step);
    if (found == others.end()) continue;
    ++result.shared;
    if (result.first_different) continue;
    const StateHashes& other = found->second->hashes;
    if (line.hashes.state == other.state) {
      result.last_equal = line.step;
      continue;
    }
    result.first_different = line.step;
    result.tensors = differing(line.hashes, other);
    result.tensor_count = std::max(line.hashes.tensors.size(), other.tensors.size());
  }
  return result;
}

CheckpointComparison compare_checkpoints(const std::string& a, const std::string& b) {
  const io::KeepReaders one_process_a_file;
  const CheckpointInfo one = read_checkpoint_info(a), other = read_checkpoint_info(b);
  CheckpointComparison result{.step = one.step, .same_hash = one.state_hash == other.state_hash};
  const io::Hdf5File file_a = io::Hdf5File::open(a), file_b = io::Hdf5File::open(b);
  const std::set<std::string> paths_a = tensor_paths(file_a), paths_b = tensor_paths(file_b);
  std::set<std::string> all = paths_a;
  all.insert(paths_b.begin(), paths_b.end());
  result.tensor_count = all.size();
  for (const std::string& path : all) {
    CheckpointComparison::Tensor tensor{.path = path};
    if (paths_a.contains(path) && paths_b.contains(path)) tensor = compare_values(path, file_a, file_b);
    if (tensor.values == 0 || tensor.differing > 0) result.tensors.push_back(tensor);
  }
  return result;
}

bool RunComparison::same_state() const {
  return ledgers ? !ledgers->first_different : checkpoints->same_hash;
}

RunComparison compare_runs(const std::string& a, const std::string& b) {
  const RunDirectory one(a), other(b);
  RunComparison comparison{.a = a, .b = b};
  comparison.config = numeric_differences(config_of(one), config_of(other));
  comparison.environment = environment_differences(one, other);
  comparison.data = signature_differences(one.stored_data(), other.stored_data());
  add_ledgers(comparison, one, other);
  if (!comparison.ledgers || comparison.ledgers->first_different)
    comparison.checkpoints = compare_saved(one, other);
  if (!comparison.ledgers && !comparison.checkpoints)
    throw UsageError(
        "{} and {} have nothing to compare: {}, and no step has a checkpoint in both. Train them again with the same ledger.every_steps.",
        a, b, comparison.no_ledgers);
  return comparison;
}

}  // namespace annulus::trainer
