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

}  // namespace
}  // namespace annulus::trainer
