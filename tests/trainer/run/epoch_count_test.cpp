// Files of older versions counted epochs from 0; a run that goes on counts from 1 in all of them.
#include "trainer/run/epoch_count.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

TEST(EpochCount, EveryStepBelongsToAnEpoch) {
  EXPECT_EQ(epoch_of(0, 8), 1u);
  EXPECT_EQ(epoch_of(1, 8), 1u);
  EXPECT_EQ(epoch_of(8, 8), 1u);
  EXPECT_EQ(epoch_of(9, 8), 2u);
}

std::vector<std::uint64_t> completed(double epochs, std::uint64_t steps_per_epoch, std::uint64_t last) {
  std::vector<std::uint64_t> steps;
  for (std::uint64_t step = 1; step <= last; ++step)
    if (completes_epochs(epochs, step, steps_per_epoch)) steps.push_back(step);
  return steps;
}

TEST(EpochCount, PartsOfEpochsAreCountedInSteps) {
  using Steps = std::vector<std::uint64_t>;
  EXPECT_EQ(completed(0.5, 8, 24), (Steps{4, 8, 12, 16, 20, 24}));
  EXPECT_EQ(completed(1.5, 8, 30), (Steps{12, 24}));
  EXPECT_EQ(completed(0.3, 8, 12), (Steps{3, 5, 8, 10, 12}));
  EXPECT_EQ(completed(0.1, 10, 4), (Steps{1, 2, 3, 4}));
  EXPECT_EQ(completed(0.001, 8, 3), (Steps{1, 2, 3})) << "more often than once a step is every step";
  EXPECT_EQ(completed(0, 8, 30), Steps{});
}

TEST(EpochCount, PartsOfEpochsAreExactAfterManySteps) {
  constexpr std::uint64_t kSteps = 1'000'000'000'000;
  EXPECT_TRUE(completes_epochs(1.1, 11 * kSteps, 10));
  EXPECT_FALSE(completes_epochs(1.1, 11 * kSteps - 1, 10));
  EXPECT_FALSE(completes_epochs(1.1, 11 * kSteps + 1, 10));
  EXPECT_TRUE(completes_epochs(1e6, 1'000'000 * kSteps, kSteps));
}

class EpochFiles : public testing::Test {
 protected:
  void convert() { count_epochs_from_one(json_, csv_, 8); }

  TemporaryDirectory directory_;
  std::string json_ = directory_ / "metrics.jsonl";
  std::string csv_ = directory_ / "metrics.csv";
};

TEST_F(EpochFiles, OfAnOlderVersionAreRewrittenOnce) {
  write_file(json_, R"({"kind":"event","step":0,"epoch":0,"time":1.5,"text":"started"}
{"kind":"step","step":8,"epoch":0,"time":2.5,"loss":0.1}
{"kind":"epoch","step":8,"epoch":0,"time":2.5,"loss":0.1}
{"kind":"event","step":8,"epoch":1,"time":2.5,"text":"stopped"}
{"kind":"step","step":9,"epoch":1,"time":2.5,"loss":1e-300}
)");
  write_file(csv_, "epoch,step,loss\n0,8,0.1\n1,16,0.05\n");
  const std::string json = R"({"kind":"event","step":0,"epoch":1,"time":1.5,"text":"started"}
{"kind":"step","step":8,"epoch":1,"time":2.5,"loss":0.1}
{"kind":"epoch","step":8,"epoch":1,"time":2.5,"loss":0.1}
{"kind":"event","step":8,"epoch":1,"time":2.5,"text":"stopped"}
{"kind":"step","step":9,"epoch":2,"time":2.5,"loss":1e-300}
)";
  const std::string csv = "epoch,step,loss\n1,8,0.1\n2,16,0.05\n";

  convert();
  EXPECT_EQ(read_file(json_), json);
  EXPECT_EQ(read_file(csv_), csv);

  convert();
  EXPECT_EQ(read_file(json_), json) << "a second time";
  EXPECT_EQ(read_file(csv_), csv);
}

TEST_F(EpochFiles, OfARunThatBeganInTheMiddleOfAnotherAreKnownTooByTheirSteps) {
  write_file(csv_, "epoch,step,loss\n4,40,0.1\n");
  convert();
  EXPECT_EQ(read_file(csv_), "epoch,step,loss\n5,40,0.1\n");

  write_file(csv_, "epoch,step,loss\n5,40,0.1\n");
  convert();
  EXPECT_EQ(read_file(csv_), "epoch,step,loss\n5,40,0.1\n");
}

TEST_F(EpochFiles, WhatIsNotThereOrCannotBeReadStaysSo) {
  write_file(json_, "not JSON\n[1]\n{\"epoch\":-1,\"step\":3}\n");

  convert();

  EXPECT_EQ(read_file(json_), "not JSON\n[1]\n{\"epoch\":-1,\"step\":3}\n");
  EXPECT_FALSE(std::filesystem::exists(csv_));
}

}  // namespace
}  // namespace annulus::trainer
