// The promise of the program on the network it is made for: configs/cifar10.yaml as it stands, the same bits
// at any world size and thread count. On the photographs when ANNULUS_TEST_DATA names a folder with cifar10/,
// else on generated images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

constexpr std::uint64_t kImages =
    4700;  // 36 steps of 128 and a tail of 92: two full shards, a short and an empty one

/// The dataset to train on: imported into the folder, or the generated one that is there.
std::string dataset(const Workplace& place) {
  const char* const data = std::getenv("ANNULUS_TEST_DATA");
  const std::string archive = std::string(data != nullptr ? data : "") + "/cifar10/cifar10-images.tar.xz";
  if (!std::filesystem::exists(archive)) return "data.h5";
  const Outcome import = place.run({"data", "import", "images", archive, "--output", "cifar10.h5"});
  EXPECT_EQ(import.code, 0) << import.output;
  return "cifar10.h5";
}

class Cifar10Training {
 public:
  explicit Cifar10Training(const Workplace& place) : place_(place), path_("data.path=" + dataset(place)) {}

  /// State hash after an epoch on `ranks` ranks (0: without mpirun). No validation: it does not change the
  /// state.
  std::uint64_t hash(const std::string& run, int ranks, const std::vector<std::string>& more) const {
    std::vector<std::string> words{"train",
                                   source_dir() + "/configs/cifar10.yaml",
                                   path_,
                                   "data.limit=" + std::to_string(kImages),
                                   "data.validation=none",
                                   "data.test=none",
                                   "epochs=1",
                                   "schedule.warmup_epochs=0.1",
                                   "--run",
                                   run};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = place_.run(words, ranks);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return place_.state_hash(run);
  }

 private:
  const Workplace& place_;
  std::string path_;
};

TEST(Cifar10Invariance, SameBitsOnTheFullNetwork) {
  const Workplace place(kImages);
  const Cifar10Training training(place);

  const std::uint64_t expected = training.hash("one", 0, {"device.threads=1"});

  EXPECT_EQ(training.hash("threads", 0, {"device.threads=2"}), expected);
  EXPECT_EQ(training.hash("two", 2, {"device.threads=1"}), expected);
  EXPECT_EQ(training.hash("two-threads", 2, {"device.threads=2"}), expected);
  EXPECT_EQ(training.hash("four", 4, {"device.threads=1"}), expected);
  EXPECT_NE(training.hash("seed", 0, {"seed=2"}), expected) << "equal hashes say nothing if all are";
  EXPECT_EQ(place.metrics("one").back()["step"], 37);
}

}  // namespace
}  // namespace annulus::test
