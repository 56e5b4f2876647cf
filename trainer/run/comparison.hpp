// Two runs that should have computed the same numbers: until where they did, and which tensor was first to
// differ.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/model/config.hpp"
#include "trainer/run/ledger.hpp"

namespace annulus::trainer {

/// What two ledgers say. Only steps that both have are compared.
struct LedgerComparison {
  std::size_t steps_a = 0;  ///< lines of each, and where each ends
  std::size_t steps_b = 0;
  std::uint64_t end_a = 0;
  std::uint64_t end_b = 0;
  std::size_t shared = 0;                   ///< steps that both have
  std::optional<std::uint64_t> last_equal;  ///< before the first difference
  std::optional<std::uint64_t> first_different;
  std::vector<std::string> tensors;  ///< that differ there, in the order of the network
  std::size_t tensor_count = 0;      ///< of the state
};
LedgerComparison compare_ledgers(const std::vector<LedgerLine>& a, const std::vector<LedgerLine>& b);

/// What two checkpoints of the same step say, value by value.
struct CheckpointComparison {
  struct Tensor {
    std::string path;
    std::uint64_t differing = 0;  ///< values that differ, of how many
    std::uint64_t values = 0;     ///< 0: only one of the two has it, or the extents differ
    double largest = 0;           ///< largest absolute difference
  };
  std::uint64_t step = 0;
  std::vector<Tensor> tensors;  ///< that differ
  std::size_t tensor_count = 0;
  bool same_hash = false;
};
/// @throws DataError when one cannot be read
CheckpointComparison compare_checkpoints(const std::string& a, const std::string& b);

struct RunComparison {
  std::string a;  ///< the run directories
  std::string b;
  std::optional<LedgerComparison> ledgers;  ///< none: a run keeps no ledger, or they share no step
  std::string no_ledgers;                   ///< why
  /// Of the first step at which both have a checkpoint and differ; if all are equal, of the last such step.
  std::optional<CheckpointComparison> checkpoints;
  std::vector<KeyDifference> config;       ///< keys that change numbers
  std::vector<KeyDifference> environment;  ///< program, devices, ranks
  /// What the numbers of the training data mean, as far as both runs say it (data.json): `data.classes`,
  /// `data.columns.INPUT`, `data.pixels.FACT`.
  std::vector<KeyDifference> data;
  bool same_state() const;
  /// The same state, which means the same.
  bool equal() const { return same_state() && data.empty(); }
};
/// @throws UsageError when one is not a run, or nothing of the two can be compared; DataError
RunComparison compare_runs(const std::string& a, const std::string& b);

std::string to_text(const RunComparison& comparison);
std::string to_json(const RunComparison& comparison);

}  // namespace annulus::trainer
