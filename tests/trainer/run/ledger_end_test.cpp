// A run that goes on keeps the ledger up to the step of its checkpoint, not one line more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/ledger.hpp"

namespace annulus::trainer {
namespace {

TEST(LedgerEnd, IsTheStepOfTheCheckpoint) {
  const TemporaryDirectory directory;
  const std::string path = directory / "ledger.jsonl";
  {
    LedgerWriter writer(path, 0);
    for (const std::uint64_t step : {9, 10, 11}) writer.append({.step = step, .hashes = {.state = step}});
  }

  LedgerWriter(path, 10).append({.step = 12, .hashes = {.state = 12}});

  std::vector<std::uint64_t> steps;
  for (const LedgerLine& line : read_ledger(path)) steps.push_back(line.step);
  EXPECT_THAT(steps, testing::ElementsAre(9, 10, 12));
}

}  // namespace
}  // namespace annulus::trainer
