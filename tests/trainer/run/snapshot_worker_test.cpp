// Work beside training: on a copy, in order, and no failure is lost.
#include "trainer/run/snapshot_worker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

namespace annulus::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SnapshotWorkerTest : public testing::Test {
 protected:
  StateView view() { return {.arenas = {{"parameters", numbers}}, .updates = updates}; }

  /// Notes the first number of the copy.
  SnapshotWorker::Work note() {
    return [this](const StateView& copy) { noted.push_back(copy.arenas[0].values[0]); };
  }

  std::vector<float> numbers = {1, 2, 3};
  std::uint64_t updates = 0;
  std::vector<float> noted;
};

TEST_F(SnapshotWorkerTest, WorksOnACopyWhileTheOriginalChanges) {
  SnapshotWorker worker;
  std::promise<void> changed;
  updates = 5;
  std::uint64_t seen = 0;

  worker.give(view(), [&](const StateView& copy) {
    changed.get_future().wait();
    noted.assign(copy.arenas[0].values.begin(), copy.arenas[0].values.end());
    seen = copy.updates;
  });
  numbers[1] = 20;
  changed.set_value();
  worker.finish();

  EXPECT_THAT(noted, ElementsAre(1, 2, 3));
  EXPECT_EQ(seen, 5u);
}

TEST_F(SnapshotWorkerTest, KeepsTheOrder) {
  SnapshotWorker worker;

  for (int i = 0; i < 20; ++i) {
    numbers[0] = static_cast<float>(i);
    worker.give(view(), note());
  }
  worker.finish();

  ASSERT_EQ(noted.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(noted));
}

TEST_F(SnapshotWorkerTest, HasTwoCopiesAndWaitsForTheThird) {
  SnapshotWorker worker;
  std::promise<void> go;
  const std::shared_future<void> may_end = go.get_future().share();
  for (int i = 0; i < 2; ++i) worker.give(view(), [=](const StateView&) { may_end.wait(); });

  auto third = std::async(std::launch::async, [&] { worker.give(view(), note()); });

  EXPECT_EQ(third.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  go.set_value();
  third.get();
  worker.finish();
  EXPECT_THAT(noted, ElementsAre(1));
}

TEST_F(SnapshotWorkerTest, FinishesWhatWasGivenBeforeItGoes) {
  {
    SnapshotWorker worker;
    for (int i = 0; i < 3; ++i) worker.give(view(), note());
  }

  EXPECT_EQ(noted.size(), 3u);
}

TEST_F(SnapshotWorkerTest, AFailureIsKeptAndEndsTheWork) {
  SnapshotWorker worker;
  EXPECT_FALSE(worker.failure().has_value());

  worker.give(view(), [](const StateView&) { throw DataError("the disk is gone"); });
  worker.give(view(), note());

  try {
    worker.finish();
    FAIL() << "the failure is thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the disk is gone");
    EXPECT_EQ(error.code(), ExitCode::data);
  }
  worker.give(view(), note());
  EXPECT_THROW(worker.finish(), Error);
  EXPECT_EQ(worker.failure()->code(), ExitCode::data);
  EXPECT_THAT(noted, ElementsAre());
}

TEST_F(SnapshotWorkerTest, EveryExceptionIsAFailure) {
  SnapshotWorker worker;

  worker.give(view(), [](const StateView&) { throw std::out_of_range("no such tensor"); });

  EXPECT_THROW(worker.finish(), Error);
  const auto failure = worker.failure();
  ASSERT_TRUE(failure.has_value());
  EXPECT_THAT(failure->what(), HasSubstr("no such tensor"));
}

TEST_F(SnapshotWorkerTest, AFailureThatNobodyAskedForIsLogged) {
  testing::internal::CaptureStderr();
  {
    SnapshotWorker worker;
    worker.give(view(), [](const StateView&) { throw DataError("the disk is gone"); });
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the disk is gone"));
}

}  // namespace
}  // namespace annulus::trainer
