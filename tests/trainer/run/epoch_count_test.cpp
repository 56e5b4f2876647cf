// Files of older versions counted epochs from 0; a run that goes on counts from 1 in all of them.
#include "trainer/run/epoch_count.hpp"

#include <gtest/gtest.h>

#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

TEST(EpochCount, EveryStepBelongsToAnEpoch) {
  EXPECT_EQ(epoch_of(0, 8), 1u);
  EXPECT_EQ(epoch_of(1, 8), 1u);
  EXPECT_EQ(epoch_of(8, 8), 1u);
  EXPECT_EQ(epoch_of(9, 8), 2u);
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
