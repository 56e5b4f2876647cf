// What a job says at its end about a rank that is gone.
#include "trainer/watch/last_words.hpp"

#include <gmock/gmock.h>

#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(LastWords, OfARankThatCouldHaveLeftAReasonAndOneThatCouldNot) {
  const TemporaryDirectory folder;
  WatchState state({.rank = 0, .start = 1, .identities = {own_identity("n1"), own_identity("n2")}}, {},
                   {"annulus"});
  const OwnView own;
  const std::vector<PeerView> peers{{.rank = 1, .life = Life::gone}};
  const LastWords facts{.state = state, .own = own, .peers = peers, .signs = {}, .limit_key = ""};
  const Blame blame{.rank = 1, .cause = Cause::gone};

  EXPECT_THAT(last_words(facts, blame), AllOf(HasSubstr("rank 1 on host n2"), HasSubstr("stands above"),
                                              Not(HasSubstr("without a word"))));
  state.set_run(folder.path());
  EXPECT_THAT(last_words(facts, blame),
              AllOf(HasSubstr("rank 1 on host n2"), HasSubstr("has ended without a word")));
}

/// What a rank that knows of no checkpoint says of them.
std::string of_checkpoints(const std::string& run, std::optional<std::uint64_t> listed) {
  note_checkpoint(0);
  WatchState state({.rank = 1, .start = 1, .identities = {own_identity("n1"), own_identity("n2")}}, {},
                   {"annulus"});
  state.set_run(run);
  const OwnView own{.rank = 1};
  const std::vector<PeerView> peers{{.rank = 0}};
  const LastWords facts{
      .state = state, .own = own, .peers = peers, .signs = {}, .limit_key = "", .listed_checkpoint = listed};
  return last_words(facts, {.rank = 1, .cause = Cause::overdue});
}

TEST(LastWords, SayWhatTheRunDirectoryHasAndNotWhatThisRankHappensToKnow) {
  EXPECT_THAT(of_checkpoints("run", 25), HasSubstr("that of step 25"));
  EXPECT_THAT(of_checkpoints("run", 0), HasSubstr("There is no checkpoint yet"));
  EXPECT_THAT(of_checkpoints("run", std::nullopt),
              AllOf(HasSubstr("if there is one"), Not(HasSubstr("no checkpoint yet"))));
}

TEST(LastWords, TheNewestCheckpointIsFoundByItsName) {
  const TemporaryDirectory folder;
  EXPECT_EQ(newest_checkpoint(folder.path()), 0U);
  std::filesystem::create_directories(folder / "checkpoints");
  for (const char* name : {"step-000000009.h5", "step-000000025.h5", "step-000000030.h5.partial",
                           "step-000000040.h5.set-aside", "step-.h5", "best", "s"})
    write_file(folder / ("checkpoints/" + std::string(name)), "");

  EXPECT_EQ(newest_checkpoint(folder.path()), 25U);
}

}  // namespace
}  // namespace annulus::trainer
