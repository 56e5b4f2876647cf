// The ledger: what is written comes back, and a run that goes on from an earlier step leaves no later lines.
#include "trainer/run/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;

LedgerLine line_of(std::uint64_t step) {
  return {.step = step,
          .epoch = 2,
          .step_in_epoch = 7,
          .hashes = {.state = 0xfedcba9876543210,
                     .tensors = {{"parameters/z/kernel", 0x1234567800000000}, {"parameters/a/bias", 0}}}};
}

std::vector<std::uint64_t> steps_of(const std::string& path) {
  std::vector<std::uint64_t> steps;
  for (const LedgerLine& line : read_ledger(path)) steps.push_back(line.step);
  return steps;
}

class LedgerTest : public testing::Test {
 protected:
  TemporaryDirectory directory;
  std::string path = directory / "ledger.jsonl";
};

TEST_F(LedgerTest, ReadsWhatWasWritten) {
  LedgerWriter(path, 0).append(line_of(9));

  const std::vector<LedgerLine> lines = read_ledger(path);

  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].step, 9u);
  EXPECT_EQ(lines[0].epoch, 2u);
  EXPECT_EQ(lines[0].step_in_epoch, 7u);
  EXPECT_EQ(lines[0].hashes.state, 0xfedcba9876543210u);
  ASSERT_EQ(lines[0].hashes.tensors.size(), 2u);
  EXPECT_EQ(lines[0].hashes.tensors[0].path, "parameters/z/kernel");  // in the order of the network
  EXPECT_EQ(lines[0].hashes.tensors[0].hash, 0x1234567800000000u);
}

TEST_F(LedgerTest, GoesOnFromAnEarlierStep) {
  {
    LedgerWriter writer(path, 0);
    for (const std::uint64_t step : {10, 20, 30}) writer.append(line_of(step));
  }

  LedgerWriter(path, 20).append(line_of(25));

  EXPECT_THAT(steps_of(path), testing::ElementsAre(10, 20, 25));
}

TEST_F(LedgerTest, LeavesOutTheLineOfAKilledProcess) {
  LedgerWriter(path, 0).append(line_of(10));
  write_file(path, read_file(path) + R"({"step":20,"epoch":0,"sta)");

  EXPECT_THAT(steps_of(path), testing::ElementsAre(10));
}

TEST_F(LedgerTest, RefusesAnotherFile) {
  write_file(path, "once upon a time\n");

  EXPECT_THAT(message_of<DataError>([&] { read_ledger(path); }), HasSubstr("ledger.jsonl"));
  EXPECT_THAT(message_of<DataError>([&] { read_ledger(directory / "gone"); }), HasSubstr("cannot be read"));
}

TEST(HashTensors, NamesTheTensorThatChanged) {
  FakeReplica replica;
  Optimizer optimizer({.momentum = 0.9}, replica.network(), replica.layout());
  fill_trainable(replica, replica.parameters(), 1);
  const StateHashes before = hash_tensors(replica, view_of(replica, optimizer));
  optimizer.states()[0].values[replica.layout().trainable[2].offset] += 1;  // norm/gamma

  const StateHashes after = hash_tensors(replica, view_of(replica, optimizer));

  EXPECT_EQ(after.state, state_hash(replica, optimizer));
  EXPECT_NE(before.state, after.state);
  for (std::size_t i = 0; i < before.tensors.size(); ++i)
    EXPECT_EQ(before.tensors[i].hash == after.tensors[i].hash,
              before.tensors[i].path != "optimizer/momentum/norm/gamma")
        << before.tensors[i].path;
}

TEST_F(LedgerTest, IsAFileOfLines) {
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);  // would hold up who opens it
  EXPECT_THAT(message_of<DataError>([&] { read_ledger(path); }), HasSubstr("cannot be read"));

  std::filesystem::remove(path);
  write_file(path, "");
  std::filesystem::resize_file(path, std::uintmax_t{20} << 20);
  EXPECT_THAT(message_of<DataError>([&] { read_ledger(path); }), HasSubstr("a line of more than 16 MB"));
}

}  // namespace
}  // namespace annulus::trainer
