#include "trainer/fault_injection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    parse_fault(text, 2);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(FaultInjection, ReadsRankStepAndKindInAnyOrder) {
  const Fault fault = parse_fault("step=120,kind=lost-peer-during-save,rank=1", 2);

  EXPECT_EQ(fault.rank, 1);
  EXPECT_EQ(fault.step, 120U);
  EXPECT_EQ(fault.kind, FaultKind::lost_peer_during_save);
}

TEST(FaultInjection, RefusesWhatItDoesNotUnderstand) {
  EXPECT_THAT(refusal("rank=1,kind=kil"), HasSubstr("Did you mean kill"));
  EXPECT_THAT(refusal("rank=2,kind=kill"), HasSubstr("no rank 2, the job has 2"));
  EXPECT_THAT(refusal("rank=1,step=x,kind=kill"), HasSubstr("step is a whole number, got 'x'"));
  EXPECT_THAT(refusal("rank=1,steps=3,kind=kill"), HasSubstr("'steps=3' is not understood"));
  EXPECT_THAT(refusal("rank=1,step=3"), HasSubstr("names no kind"));
  EXPECT_THAT(refusal(""), HasSubstr("not understood"));
}

TEST(FaultInjection, StrikesAfterItsStep) {
  auto recorder = with_fault(make_silent_recorder(), {.kind = FaultKind::exception, .step = 3}, "run");

  EXPECT_NO_THROW(recorder->step({.step = 2}));
  EXPECT_THROW(recorder->step({.step = 3}), std::runtime_error);
}

TEST(FaultInjection, SpoilsOneStepOnce) {
  const auto hook = make_step_hook({.kind = FaultKind::nan, .step = 3});

  EXPECT_EQ(hook->begins(2), Spoil::nothing);
  EXPECT_EQ(hook->begins(3), Spoil::input);
  EXPECT_EQ(hook->begins(3), Spoil::nothing);  // when it comes again
  EXPECT_EQ(make_step_hook({.kind = FaultKind::slow, .step = 3}), nullptr);
}

TEST(FaultInjection, CorruptsNothingWhereNothingIs) {
  auto recorder = with_fault(make_silent_recorder(), {.kind = FaultKind::corrupt_checkpoint, .step = 1},
                             testing::TempDir() + "no-such-run");

  EXPECT_THROW(recorder->step({.step = 1}), UsageError);
}

TEST(FaultInjection, CutsTheLastThirdOffACopy) {
  const std::string path = testing::TempDir() + "fault_injection_data";
  std::ofstream(path) << std::string(300, 'x');

  copy_truncated(path, path + ".copy");

  EXPECT_EQ(std::filesystem::file_size(path), 300U);
  EXPECT_EQ(std::filesystem::file_size(path + ".copy"), 200U);
}

}  // namespace
}  // namespace annulus::trainer
