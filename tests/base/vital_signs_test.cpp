// What a process says about itself: nested activities, exceptions, times, and readers beside the writer.
#include "base/vital_signs.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

namespace annulus {
namespace {

std::string text_of(const VitalSigns& signs) { return signs.text.data(); }

TEST(VitalSigns, AnActivityEndsWithItsScope) {
  const Activity outer(Phase::step, "epoch 3");
  {
    const Activity inner(Phase::checkpoint, "writing");
    EXPECT_EQ(vital_signs().phase, Phase::checkpoint);
    EXPECT_EQ(text_of(vital_signs()), "writing");
  }

  EXPECT_EQ(vital_signs().phase, Phase::step);
  EXPECT_EQ(text_of(vital_signs()), "epoch 3");
}

TEST(VitalSigns, AWaitBelongsToThePhaseThatIsOn) {
  const Activity outer(Phase::validation);
  const WaitingFor wait("evaluation");

  EXPECT_EQ(vital_signs().phase, Phase::validation);
  EXPECT_TRUE(vital_signs().waiting);
  EXPECT_EQ(text_of(vital_signs()), "evaluation");
}

TEST(VitalSigns, AStepOutlivesTheActivityInWhichItWasNoted) {
  const Activity outer(Phase::step);
  {
    const Activity inner(Phase::update);
    note_step(12);
  }

  EXPECT_EQ(vital_signs().step, 12U);
}

TEST(VitalSigns, AStepIsDoneWhenTheNextBegins) {
  note_step(0);  // before the first
  const std::uint64_t done = vital_figures().steps_done;

  note_step(1);
  EXPECT_EQ(vital_figures().steps_done, done);
  note_step(2);
  EXPECT_EQ(vital_figures().steps_done, done + 1);
}

TEST(VitalSigns, EveryNoteCountsAsProgress) {
  const std::uint64_t before = vital_signs().changes;
  note_progress();
  EXPECT_GT(vital_signs().changes, before);

  const std::uint64_t noted = vital_signs().changes;
  { const Activity activity(Phase::step); }
  EXPECT_GE(vital_signs().changes, noted + 2);
}

TEST(VitalSigns, LongTextsAreCut) {
  const Activity activity(Phase::step, std::string(500, 'x'));

  EXPECT_EQ(text_of(vital_signs()), std::string(VitalSigns::kTextBytes - 1, 'x'));
}

TEST(VitalSigns, AfterAnExceptionTheInnermostActivityIsRemembered) {
  try {
    const Activity outer(Phase::checkpoint, "outer");
    const Activity inner(Phase::checkpoint, "inner");
    throw std::runtime_error("disk");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(text_of(failed_vital_signs()), "inner");
  }

  const Activity later(Phase::step, "later");  // the exception has been dealt with
  EXPECT_EQ(text_of(failed_vital_signs()), "later");
}

TEST(VitalSigns, OtherThreadsLeaveThemAlone) {
  const Activity mine(Phase::step, "mine");
  std::thread([] {
    const Activity theirs(Phase::checkpoint, "theirs");
    const WaitingFor wait("nobody");
    note_step(99);
  }).join();

  EXPECT_EQ(text_of(vital_signs()), "mine");
  EXPECT_NE(vital_signs().step, 99U);
}

TEST(VitalSigns, StepTimeIsOwnWorkOrWaiting) {
  note_step(1);
  const VitalFigures before = vital_figures();
  const double begin = steady_seconds();
  const auto pass = [](double seconds) {
    const double end = steady_seconds() + seconds;
    while (steady_seconds() < end) {
    }
  };
  {
    const Activity step(Phase::step);
    pass(0.02);
    {
      const WaitingFor wait("the others");
      pass(0.01);
    }
    const Activity validation(Phase::validation);  // belongs to no step
    pass(0.01);
  }
  note_step(2);
  const double took = steady_seconds() - begin;
  const VitalFigures after = vital_figures();

  EXPECT_EQ(after.steps_done, before.steps_done + 1);
  EXPECT_GE(after.own_seconds - before.own_seconds, 0.02);
  EXPECT_GE(after.waited_seconds - before.waited_seconds, 0.01);
  EXPECT_LE(after.own_seconds + after.waited_seconds - before.own_seconds - before.waited_seconds,
            took - 0.01);
}

TEST(VitalSigns, KeepTheActivitiesBegunLast) {
  for (int i = 0; i < 100; ++i) const Activity activity(Phase::step, std::to_string(i));
  std::array<VitalSigns, kActivitiesKept> recent;

  ASSERT_EQ(recent_activities(recent), kActivitiesKept);
  EXPECT_EQ(text_of(recent.front()), "36");
  EXPECT_EQ(text_of(recent.back()), "99");
}

TEST(VitalSigns, ReadersNeverSeeHalfOfARecord) {
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::thread reader([&] {
    while (!stop) {
      const VitalSigns signs = vital_signs();
      const std::string text = text_of(signs);
      if (text.empty() || (text[0] != 'a' && text[0] != 'b')) continue;  // from before or after
      if (text != std::string(60, text[0]) || signs.waiting != (text[0] == 'b')) ++torn;
    }
  });
  for (int i = 0; i < 20000; ++i) {
    const Activity activity(Phase::step, std::string(60, 'a'));
    const WaitingFor wait(std::string(60, 'b'));
    std::this_thread::yield();  // some work lies between notes: readers give up on a writer without an end
  }
  stop = true;
  reader.join();

  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace annulus
