// One rank of a job speaks, also where there is no run directory to settle it.
#include "trainer/watch/speech.hpp"

#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

WatchState state_of(std::uint64_t start) {
  return {{.rank = 0, .start = start, .identities = {own_identity("n1")}}, {}, {"annulus"}};
}

TEST(Speech, IsOneRanksWithoutARunDirectory) {
  const auto start = static_cast<std::uint64_t>(getpid()) << 32;
  const WatchState state = state_of(start);
  const WatchState other = state_of(start + 1);

  EXPECT_TRUE(claim_speech(state));
  EXPECT_FALSE(claim_speech(state));
  EXPECT_TRUE(claim_speech(other)) << "another job";
}

TEST(Speech, IsOneRanksOfARun) {
  const TemporaryDirectory folder;
  std::filesystem::create_directories(folder / "crash");
  WatchState state = state_of(1);
  state.set_run(folder.path());

  EXPECT_TRUE(claim_speech(state));
  EXPECT_FALSE(claim_speech(state));
  EXPECT_TRUE(std::filesystem::exists(folder / "crash/origin"));
}

}  // namespace
}  // namespace annulus::trainer
