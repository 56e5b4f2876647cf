// Keys of every group that changes numbers are told, and the length of a run where a schedule spans it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

using testing::Contains;
using testing::ElementsAre;

std::vector<std::string> differing_keys(const std::vector<std::string>& one,
                                        const std::vector<std::string>& other) {
  const auto config = [](const std::vector<std::string>& overrides) {
    return parse_config(
               "data: {path: some.h5}\nnetwork: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}\n",
               "test.yaml", overrides)
        .config;
  };
  std::vector<std::string> keys;
  for (const KeyDifference& each : numeric_differences(config(one), config(other))) keys.push_back(each.key);
  return keys;
}

TEST(NumericDifferences, OfEveryGroupThatChangesNumbersAreTold) {
  for (const char* change :
       {"seed=9", "batch.size=64", "loss.label_smoothing=0.1", "optimizer.learning_rate=0.5",
        "augmentation.horizontal_flip=true", "normalisation.rescale=0.5"}) {
    const std::string text(change);
    EXPECT_THAT(differing_keys({}, {text}), ElementsAre(text.substr(0, text.find('=')))) << change;
  }
}

TEST(NumericDifferences, LengthCountsWhereOneScheduleSpansTheRun) {
  const std::vector<std::string> constant{"schedule.kind=constant", "epochs=8"};
  const std::vector<std::string> cosine{"schedule.kind=cosine", "epochs=9"};

  EXPECT_THAT(differing_keys(constant, cosine), Contains("epochs"));
  EXPECT_THAT(differing_keys(cosine, constant), Contains("epochs"));
}

}  // namespace
}  // namespace annulus::trainer
