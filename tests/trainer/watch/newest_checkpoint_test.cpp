// From where a job goes on that ends: what any of its ranks has said of checkpoints.
#include <gmock/gmock.h>

#include "tests/trainer/temporary_directory.hpp"
#include "trainer/watch/last_words.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;

std::string said_after(std::uint64_t checkpoint_of_rank_0) {
  const TemporaryDirectory folder;
  WatchState state({.rank = 1, .start = 1, .identities = {own_identity("n1"), own_identity("n2")}}, {},
                   {"annulus"});
  state.set_run(folder.path());
  std::filesystem::create_directories(folder / "checkpoints");
  const OwnView own;
  Heartbeat beat;
  beat.checkpoint_step = checkpoint_of_rank_0;
  const std::vector<PeerView> peers{{.rank = 0, .life = Life::gone, .last = beat}};
  const LastWords facts{.state = state, .own = own, .peers = peers, .signs = {}, .limit_key = ""};
  return last_words(facts, {.rank = 0, .cause = Cause::gone});
}

TEST(LastWords, NameTheNewestCheckpointThatAnyRankKnowsOf) {
  EXPECT_THAT(said_after(1234), HasSubstr("newest complete checkpoint is that of step 1234"));
}

}  // namespace
}  // namespace annulus::trainer
