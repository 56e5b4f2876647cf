// The files of a run directory, as `annulus status`, `diff-runs` and a resumed run read them. The first byte
// says which one the rest is.
#include <array>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/fuzz_target.hpp"
#include "trainer/run/comparison.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/environment.hpp"
#include "trainer/run/ledger.hpp"
#include "trainer/run/save_times.hpp"
#include "trainer/run/status.hpp"
#include "trainer/watch/crash_record.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig =
    "seed: 1\nnetwork:\n  input: [4, 4, 1]\n  layers:\n    - flatten\n    - dense: 2\n    - softmax\n";
constexpr std::string_view kLedger =
    "{\"step\":10,\"epoch\":1,\"step_in_epoch\":2,\"state\":\"0123456789abcdef\",\"tensors\":{\"parameters/a\":\"01\"}}\n";

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

/// Two runs whose files are as they should be.
void make_runs(const fs::path& a, const fs::path& b) {
  const Heartbeat beat{.start = 1, .rank = 0, .ranks = 2, .host = "here", .process = 1, .step = 10};
  for (const fs::path& run : {a, b}) {
    fs::remove_all(run);
    write(run / "config.yaml", kConfig);
    write(run / "environment.json", "{\"program\":\"annulus\"}");
    write(run / "ledger.jsonl", kLedger);
    write(run / "metrics.jsonl", "{\"kind\":\"step\",\"step\":10,\"epoch\":1,\"time\":1.5,\"loss\":2.0}\n");
    write(run / "heartbeats/rank-0.json", to_line(beat));
  }
}

void read_all(const fs::path& run, const fs::path& other) {
  fuzz::expect_answer([&] { read_run_status(run); });
  fuzz::expect_answer([&] { slowest_save_s(run); });
  fuzz::expect_answer([&] {
    const RunComparison comparison = compare_runs(run.string(), other.string());
    to_text(comparison);
    to_json(comparison);
  });
  fuzz::expect_answer([&] { LedgerWriter((run / "ledger.jsonl").string(), 5); });
  environment_json({}, RunDirectory(run).stored_environment());
}

}  // namespace
}  // namespace annulus::trainer

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  constexpr std::array kNames{"heartbeats/rank-0.json", "crash/rank-0.json", "ledger.jsonl", "metrics.jsonl",
                              "environment.json",       "logs/rank-0.log",   "config.yaml"};
  std::span<const std::uint8_t> input(data, size);
  const char* const name = kNames[fuzz::take_byte(input) % kNames.size()];
  const std::filesystem::path folder = fuzz::folder();
  trainer::make_runs(folder / "a", folder / "b");
  trainer::write(folder / "a" / name, fuzz::text_of(input));
  trainer::read_all(folder / "a", folder / "b");
  return 0;
}
