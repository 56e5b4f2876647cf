// A run stopped at random steps, by every signal, on every number of ranks and threads, and gone on with on
// others, ends with the bits of one that was never stopped.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "base/random.hpp"
#include "tests/acceptance/interrupted_run.hpp"

namespace annulus::test {
namespace {

bool has_reached(const Workplace& place, std::uint64_t steps) {
  const std::string line = "\"step\":" + std::to_string(steps) + ",";
  for (int i = 0; i < 12000; ++i) {
    std::ifstream file(place.path("parts/ledger.jsonl"));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find(line) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// The rest of a job ends a moment after its launcher has been killed.
void wait_for_ranks(const Workplace& place) {
  for (int i = 0; i < 200 && !place.processes("annulus").empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

const std::vector<std::string> kPlan{"epochs=40", "checkpoint.every_steps=9", "ledger.every_steps=1"};

/// How the first start of a run is made and every start is stopped.
struct Item {
  int signal;
  int ranks;
};

class ResumeMatrix : public InterruptedRun<Item> {
 protected:
  static void SetUpTestSuite() { train_whole(330, kPlan); }
};

TEST_P(ResumeMatrix, StoppedTwiceItEndsInTheSameBits) {
  const auto [signal, ranks] = GetParam();
  RandomStream random(11, Purpose::test, static_cast<std::uint32_t>(signal),
                      static_cast<std::uint64_t>(ranks));
  std::filesystem::remove_all(place->path("parts"));
  std::uint64_t step = 0;
  for (int start = 0; start < 2; ++start) {  // the second one goes on, on other ranks and threads
    step += 20 + random.next() % 120;
    std::vector<std::string> words = kPlan;
    words.push_back("device.threads=" + std::to_string(1 + random.next() % 2));
    const int now = start == 0 ? ranks : 1 << random.next() % 3;
    Process job = place->start(place->training("parts", words), now);
    ASSERT_TRUE(has_reached(*place, step)) << "start " << start << " on " << now << " ranks";
    job.signal(signal);
    ASSERT_NE(job.wait().code, 0) << "the run was over before it could be stopped";
    wait_for_ranks(*place);
  }

  const Outcome last = place->run(place->training("parts", kPlan), 2);

  EXPECT_EQ(last.code, 0) << last.output;
  EXPECT_EQ(place->state_hash("parts"), place->state_hash("whole"));
}

INSTANTIATE_TEST_SUITE_P(All, ResumeMatrix,
                         testing::Values(Item{SIGUSR1, 1}, Item{SIGUSR1, 2}, Item{SIGUSR1, 4},
                                         Item{SIGTERM, 1}, Item{SIGTERM, 2}, Item{SIGTERM, 4},
                                         Item{SIGKILL, 1}, Item{SIGKILL, 2}, Item{SIGKILL, 4}),
                         [](const auto& parameter) {
                           return "Signal" + std::to_string(parameter.param.signal) + "Ranks" +
                                  std::to_string(parameter.param.ranks);
                         });

}  // namespace
}  // namespace annulus::test
