// Who is to blame, and when it is too early to say.
#include "trainer/watch/verdict.hpp"

#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

const VerdictRules kRules{
    .stopped_seconds = 30, .grace_seconds = 5, .silence_seconds = 30, .unknown_seconds = 600};

OwnView waiting(double seconds) {
  return {
      .rank = 0, .phase = Phase::reduction, .waiting = true, .quiet_seconds = seconds, .limit_seconds = 30};
}

Heartbeat beat_at_work(double limit = 30) {
  Heartbeat beat;
  beat.phase = Phase::step;
  beat.step = 7;
  beat.limit_seconds = limit;
  return beat;
}

PeerView at_work(int rank, double limit = 30) {
  return {.rank = rank, .life = Life::running, .last = beat_at_work(limit), .failure = {}};
}

PeerView also_waiting(int rank, std::uint64_t step = 7) {
  PeerView peer = at_work(rank);
  peer.last->waiting = true;
  peer.last->step = step;
  return peer;
}

void expect_blame(const std::optional<Blame>& blamed, int rank, Cause cause) {
  ASSERT_TRUE(blamed.has_value());
  EXPECT_EQ(blamed->rank, rank);
  EXPECT_EQ(static_cast<int>(blamed->cause), static_cast<int>(cause));
}

TEST(Verdict, OwnWorkHasItsLimitAndNoGrace) {
  OwnView own = waiting(29);
  own.waiting = false;
  EXPECT_FALSE(judge(own, {also_waiting(1)}, kRules));

  own.quiet_seconds = 31;
  expect_blame(judge(own, {also_waiting(1)}, kRules), 0, Cause::overdue);
}

TEST(Verdict, ADeadProcessIsSeenAtOnce) {
  PeerView dead = at_work(2);
  dead.life = Life::gone;

  expect_blame(judge(waiting(0.5), {at_work(1), dead}, kRules), 2, Cause::gone);
}

TEST(Verdict, AProcessThatHasEndedOrderlyIsNotDead) {
  PeerView ended = at_work(1);
  ended.life = Life::gone;
  ended.last->state = RankState::ended;

  EXPECT_FALSE(judge(waiting(0.5), {ended}, kRules));
}

TEST(Verdict, ACrashRecordOutweighsADeadProcess) {
  PeerView dead = at_work(1);
  dead.life = Life::gone;
  PeerView failed = at_work(2);
  failed.failure = "the disk is full";

  expect_blame(judge(waiting(0.5), {dead, failed}, kRules), 2, Cause::failed);
  expect_blame(find_gone({dead, failed}), 2, Cause::failed);
}

TEST(Verdict, AStoppedProcessIsNamedAfterTheLimit) {
  PeerView stopped = at_work(1);
  stopped.life = Life::stopped;
  stopped.silent_seconds = 20;

  EXPECT_FALSE(judge(waiting(34), {stopped}, kRules));
  expect_blame(judge(waiting(36), {stopped, also_waiting(2)}, kRules), 1, Cause::stopped);
}

TEST(Verdict, AStoppedProcessGivesNoPatience) {
  VerdictRules rules = kRules;
  rules.stopped_seconds = 300;  // watchdog.least_seconds may lie above the limit of the phase
  PeerView saving = at_work(1, 600);
  saving.life = Life::stopped;
  PeerView unknown{.rank = 1, .life = Life::stopped, .last = {}, .failure = {}};

  for (const PeerView& stopped : {saving, unknown}) {
    EXPECT_FALSE(judge(waiting(34), {stopped, also_waiting(2)}, rules));
    expect_blame(judge(waiting(36), {stopped, also_waiting(2)}, rules), 1, Cause::stopped);
  }
}

TEST(Verdict, ARankAtWorkIsLeftToItsOwnWatchdog) {
  PeerView saving = at_work(1, 300);
  saving.last->phase = Phase::checkpoint;
  saving.last->quiet_seconds = 100;
  EXPECT_FALSE(judge(waiting(100), {saving}, kRules));

  saving.last->quiet_seconds = 306;  // its own watchdog should have spoken
  expect_blame(judge(waiting(306), {saving}, kRules), 1, Cause::overdue);
}

TEST(Verdict, AWaitHasItsGraceThoughAnotherIsOverdue) {
  PeerView overdue = at_work(1, 10);
  overdue.last->quiet_seconds = 20;

  EXPECT_FALSE(judge(waiting(34), {overdue}, kRules));
  expect_blame(judge(waiting(36), {overdue}, kRules), 1, Cause::overdue);
}

TEST(Verdict, ARankIsOverdueWithTheTimeSinceItsLastHeartbeat) {
  PeerView overdue = at_work(1, 10);
  overdue.last->quiet_seconds = 10;
  overdue.silent_seconds = 4;
  EXPECT_FALSE(judge(waiting(36), {overdue}, kRules));

  overdue.silent_seconds = 6;
  expect_blame(judge(waiting(36), {overdue}, kRules), 1, Cause::overdue);
}

TEST(Verdict, AStoppedProcessDoesNoWorkThatTakesLong) {
  PeerView saving = at_work(1, 300);
  saving.life = Life::stopped;

  OwnView validating = waiting(36);
  validating.limit_seconds = 300;
  expect_blame(judge(validating, {saving}, kRules), 1, Cause::stopped);
}

TEST(Verdict, ASilentRankOfAnotherHostIsLost) {
  PeerView silent = at_work(1, 600);
  silent.life = Life::elsewhere;
  silent.silent_seconds = 29;
  EXPECT_FALSE(judge(waiting(31), {silent}, kRules));

  silent.silent_seconds = 31;
  EXPECT_FALSE(judge(waiting(20), {silent}, kRules)) << "this rank may have slept, not the other";
  expect_blame(judge(waiting(31), {silent}, kRules), 1, Cause::silent);
}

TEST(Verdict, ARankOfThisHostWithoutHeartbeatsMayStillWork) {
  PeerView unheard = at_work(1, 300);
  unheard.silent_seconds = 100;  // its file system hangs, say

  EXPECT_FALSE(judge(waiting(100), {unheard}, kRules));
}

TEST(Verdict, WhenAllWaitTheLeastFarIsNamed) {
  EXPECT_FALSE(judge(waiting(34), {also_waiting(1), also_waiting(2, 6)}, kRules));
  expect_blame(judge(waiting(36), {also_waiting(1), also_waiting(2, 6)}, kRules), 2, Cause::deadlock);
}

TEST(Verdict, WhoeverMissesBeatsIsNotPartOfADeadlock) {
  PeerView frozen = also_waiting(1);
  frozen.life = Life::elsewhere;
  frozen.silent_seconds = 8;
  OwnView own = waiting(9);
  own.limit_seconds = 3;

  expect_blame(judge(own, {frozen, also_waiting(2, 6)}, kRules), 1, Cause::silent);
}

TEST(Verdict, WithoutHeartbeatsThereIsMorePatience) {
  const PeerView unknown{.rank = 1, .life = Life::running, .last = {}, .failure = {}};

  EXPECT_FALSE(judge(waiting(300), {unknown}, kRules));
  expect_blame(judge(waiting(606), {unknown}, kRules), 1, Cause::silent);
}

}  // namespace
}  // namespace annulus::trainer
