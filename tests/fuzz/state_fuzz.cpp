// Small texts: what a run reads back (its state in a checkpoint, the metrics written so far), and a fault to
// make.
#include <filesystem>

#include "tests/fuzz/fuzz_target.hpp"
#include "trainer/fault_injection.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/run/metrics.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  fuzz::expect_answer([&] { trainer::run_state_from_json(std::string(fuzz::text_of({data, size}))); });
  fuzz::expect_answer([&] { trainer::parse_fault(std::string(fuzz::text_of({data, size})), 2); });
  fuzz::write_file("metrics.jsonl", {data, size});
  fuzz::write_file("metrics.csv", {data, size});
  fuzz::expect_answer([&] { trainer::MetricsWriter(fuzz::folder(), 10, 4); });
  for (const auto& entry : std::filesystem::directory_iterator(fuzz::folder()))
    if (entry.path().filename().string().starts_with("events.")) std::filesystem::remove(entry.path());
  return 0;
}
