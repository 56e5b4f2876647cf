// Waits for other ranks have a name and a limit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/vital_signs.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {
namespace {

using testing::HasSubstr;

/// Finishes at the first look after `looks` of them, and keeps what this process was at during the last.
class SlowTransfer final : public Transfer {
 public:
  explicit SlowTransfer(int looks) : looks_(looks) {}
  bool test() override {
    seen = vital_signs();
    return looks_-- == 0;
  }

  VitalSigns seen;

 private:
  int looks_;
};

TEST(Waits, LongOnesAreNamedWhileTheyLast) {
  const auto group = make_serial_group();
  SlowTransfer transfer(10'000);

  group->wait(transfer, "a word of rank 3");

  EXPECT_TRUE(transfer.seen.waiting);
  EXPECT_STREQ(transfer.seen.text.data(), "a word of rank 3");
  EXPECT_FALSE(vital_signs().waiting);
}

TEST(Waits, WhatIsThereAtOnceIsNoWait) {
  const auto group = make_serial_group();
  SlowTransfer transfer(1);

  group->wait(transfer, "a word of rank 3");

  EXPECT_FALSE(transfer.seen.waiting);
}

TEST(Waits, EndAtTheLimitWithWhatWasWaitedFor) {
  const auto group = make_serial_group();
  group->set_limit(std::chrono::seconds(0));
  SlowTransfer transfer(1'000'000'000);

  try {
    group->wait(transfer, "a word of rank 3");
    FAIL() << "waits for ever";
  } catch (const PeerError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a word of rank 3"));
  }
}

}  // namespace
}  // namespace annulus::comm
