// What no machine can hold is refused by name before memory is asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/loop/run_state.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Config small_config(std::int64_t batch) {
  const std::string text =
      "network: {input: [8, 8, 1], layers: [{conv2d: {filters: 4, kernel: 3, padding: same}}, flatten, {dense: 2}, softmax]}\nbatch: {shards: 1, size: " +
      std::to_string(batch) + "}\n";
  return parse_config(text, "test").config;
}

TEST(MemoryFloor, CountsBatchLargestLayerParametersAndWhatValidationCounts) {
  constexpr double kParameters = 9 * 4 + 4 + 256 * 2 + 2;
  constexpr double kJudged = 10 * 2 + 2 * 4;  // probabilities of a block, two counts of 8 bytes for 2 classes

  EXPECT_DOUBLE_EQ(least_memory(small_config(10), 1), 4 * (10 * 256 + 10 * 64 + kJudged + 2 * kParameters));
}

TEST(MemoryFloor, ABatchBeyondTheMachineIsRefused) {
  const auto make = [](std::int64_t batch) { make_replica(small_config(batch), {.kind = Device::cpu}, 1); };

  EXPECT_EQ(message_of<UsageError>([&] { make(16); }), "");
  EXPECT_THAT(message_of<UsageError>([&] { make(1'000'000'000); }),
              AllOf(HasSubstr("batch.size = 1000000000"), HasSubstr("takes at least 1288.0 GB"),
                    HasSubstr("smaller")));
}

TEST(RunState, CountsAreNotBentIntoShape) {
  RunState state{.step = 7, .epochs_without_improvement = 2};
  state.epoch_loss_sum = std::numeric_limits<double>::infinity();
  const std::string good = to_json(state);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };

  EXPECT_EQ(run_state_from_json(good).step, 7U);
  EXPECT_EQ(run_state_from_json(good).epoch_loss_sum, state.epoch_loss_sum);
  for (const char* wrong : {"-7", "7.5", "1e300", "\"7\""})
    EXPECT_THAT(message_of<DataError>(
                    [&] { run_state_from_json(with("\"step\":7", std::string("\"step\":") + wrong)); }),
                HasSubstr("step = "))
        << wrong;
  EXPECT_THAT(message_of<DataError>(
                  [&] { run_state_from_json(with("improvement\":2", "improvement\":3000000000")); }),
              HasSubstr("epochs_without_improvement"));
}

}  // namespace
}  // namespace annulus::trainer
