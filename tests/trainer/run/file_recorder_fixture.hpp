// A run directory with a small model, on which the tests of rank 0's recorder start the program again and
// again.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/pattern_source.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/checkpoint_store.hpp"
#include "trainer/run/file_recorder.hpp"
#include "trainer/run/ledger.hpp"
#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {

inline constexpr std::uint64_t kStepsPerEpoch = 5;
inline const std::vector<std::string> kNames{"caf\xe9", "dog"};

class FileRecorderTest : public testing::Test {
 protected:
  static Config parse(const std::string& more, const std::vector<std::string>& overrides = {}) {
    return parse_config(R"(name: small
epochs: 4
batch: {size: 4, shards: 1}
optimizer: {momentum: 0.9}
network:
  input: [2, 2, 1]
  layers:
    - flatten
    - dense: 2
    - softmax
)" + more,
                        "test.yaml", overrides)
        .config;
  }
  /// A start of the program on the same run directory.
  std::unique_ptr<Recorder> start(const Config& config, const std::string& validation_data = "") {
    return make_file_recorder({.config = config,
                               .host = "node17",
                               .mpi = "MPI of the test",
                               .run_directory = directory_ / "run",
                               .command_line = {"annulus", "train"},
                               .replica = replica_,
                               .optimizer = optimizer_,
                               .data_fingerprint = data_fingerprint(training_),
                               .validated_on = validation_data.empty() ? "" : "held",
                               .validation_data = validation_data,
                               .steps_per_epoch = kStepsPerEpoch,
                               .bucket_size = {},
                               .allow_change = {},
                               .data = {.classes = kNames, .vectors = {}, .pixels = {}}});
  }
  /// Saves the checkpoint of a step, whose first parameter is the step.
  void save(Recorder& recorder, std::uint64_t step, bool best = false) {
    replica_.parameters()[0] = static_cast<float>(step);
    recorder.checkpoint({.step = step}, best);
  }
  std::string file(const std::string& name) const { return directory_ / ("run/" + name); }
  std::vector<std::uint64_t> saved() const {
    return CheckpointStore(file("checkpoints"), {.keep_last = 9}).steps();
  }
  /// Records of metrics.jsonl as "kind step".
  std::vector<std::string> records() const {
    std::vector<std::string> found;
    std::istringstream lines(read_file(file("metrics.jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      found.push_back(json["kind"].get<std::string>() + " " + json["step"].dump());
    }
    return found;
  }
  std::vector<std::uint64_t> ledger_steps() const {
    std::vector<std::uint64_t> steps;
    for (const LedgerLine& line : read_ledger(file("ledger.jsonl"))) steps.push_back(line.step);
    return steps;
  }

  TemporaryDirectory directory_;
  FakeReplica replica_;
  Optimizer optimizer_{{.momentum = 0.9}, replica_.network(), replica_.layout()};
  test::PatternSource training_{20, {2, 2, 1}};
};

}  // namespace annulus::trainer
