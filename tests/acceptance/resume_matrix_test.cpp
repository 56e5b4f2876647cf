// A run stopped at random steps, by every signal, on every number of ranks and threads, and gone on with on
// others, ends with the bits of one that was never stopped.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "base/random.hpp"
#include "tests/end_to_end/program.hpp"

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

TEST(ResumeMatrix, EveryStopAndEveryWorldGiveTheSameBits) {
  const Workplace place(330);
  const std::vector<std::string> plan{"epochs=60", "checkpoint.every_steps=9", "ledger.every_steps=1"};
  ASSERT_EQ(place.run(place.training("whole", plan)).code, 0);

  std::uint32_t item = 0;
  for (const int signal : {SIGUSR1, SIGTERM, SIGKILL}) {
    for (const int ranks : {1, 2, 4}) {
      for (const int threads : {1, 2}) {
        RandomStream random(11, Purpose::test, 0, item++);
        std::filesystem::remove_all(place.path("parts"));
        std::uint64_t step = 0;
        for (int stop = 0; stop < 3;
             ++stop) {  // the second and third start go on, on other ranks and threads
          step += 20 + random.next() % 120;
          const int now_ranks = stop == 0 ? ranks : 1 << random.next() % 3;
          std::vector<std::string> words = plan;
          words.push_back("device.threads=" + std::to_string(stop == 0 ? threads : 1 + random.next() % 2));
          Process job = place.start(place.training("parts", words), now_ranks);
          ASSERT_TRUE(has_reached(place, step)) << "signal " << signal << " ranks " << now_ranks;
          job.signal(signal);
          job.wait();
          for (int i = 0; i < 200 && !place.processes("annulus").empty(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        const Outcome last = place.run(place.training("parts", plan), 2);
        EXPECT_EQ(last.code, 0) << last.output;
        EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"))
            << "signal " << signal << ", ranks " << ranks << ", threads " << threads;
      }
    }
  }
}

}  // namespace
}  // namespace annulus::test
