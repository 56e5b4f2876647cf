// Batch norms over one value are refused, over few ones named, with remedies that work.
#include "trainer/model/few_values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// 8 x 8 images: a batch norm over the maps of a convolution (6 x 6), and one behind a dense layer.
Config config_with(const std::vector<std::string>& overrides, const std::string& settings = "{}") {
  return parse_config(R"(data: {path: some.h5}
network:
  input: [8, 8, 1]
  layers:
    - conv2d: {filters: 2, kernel: 3}
    - batch_norm: {name: wide}
    - flatten
    - dense: 4
    - batch_norm: )" + settings +
                          R"(
    - softmax
)",
                      "test.yaml", overrides)
      .config;
}

std::string refusal(const Config& config) {
  return message_of<UsageError>([&] { require_statistics(config); });
}

TEST(FewValues, OneValueAChannelIsRefusedByName) {
  const Config config = config_with({"batch.size=32", "batch.shards=32"});

  EXPECT_THAT(refusal(config),
              AllOf(HasSubstr("layer 'batch_normalization' (batch_norm)"), HasSubstr("1 value per channel"),
                    HasSubstr("a shard of 1 sample"), HasSubstr("batch.shards=2 (16 values)"),
                    HasSubstr("statistics: step"), HasSubstr("(32 values)"), HasSubstr("batch.size=512"),
                    HasSubstr("group_norm")));
}

TEST(FewValues, TheRemediesOfTheMessageAreTaken) {
  for (const std::vector<std::string>& remedy : std::vector<std::vector<std::string>>{
           {"batch.size=32", "batch.shards=2"}, {"batch.size=512", "batch.shards=32"}}) {
    const Config config = config_with(remedy);
    EXPECT_NO_THROW(require_statistics(config));
    EXPECT_THAT(few_values(config), IsEmpty());
  }
  const Config step = config_with({"batch.size=32", "batch.shards=32"}, "{statistics: step}");
  EXPECT_NO_THROW(require_statistics(step));
  EXPECT_THAT(few_values(step), IsEmpty());
}

TEST(FewValues, MapsOfOnePixelCountLikeVectors) {
  const Config config = parse_config(R"(data: {path: some.h5}
batch: {size: 4, shards: 4}
network: {input: [3, 3, 1], layers: [conv2d: {filters: 2, kernel: 3}, batch_norm, flatten, dense: 2, softmax]}
)",
                                     "test.yaml")
                            .config;

  EXPECT_THAT(refusal(config), HasSubstr("maps of 1 x 1"));
}

TEST(FewValues, AStepOfOneSampleIsRefusedToo) {
  const Config config = config_with({"batch.size=1", "batch.shards=1"}, "{statistics: step}");

  EXPECT_THAT(refusal(config), AllOf(HasSubstr("a step of 1 sample"), Not(HasSubstr("`statistics: step`"))));
}

TEST(FewValues, FewerThanSixteenAreNamedAndSixteenAreEnough) {
  const Config two = config_with({"batch.size=32", "batch.shards=16"});
  const Config fifteen = config_with({"batch.size=30", "batch.shards=2"});
  const Config sixteen = config_with({"batch.size=32", "batch.shards=2"});

  EXPECT_NO_THROW(require_statistics(two));
  EXPECT_THAT(few_values(two), ElementsAre(AllOf(HasSubstr("2 values per channel"), HasSubstr("noise"))));
  EXPECT_THAT(few_values(fifteen), ElementsAre(HasSubstr("15 values")));
  EXPECT_THAT(few_values(sixteen), IsEmpty());
}

TEST(FewValues, SeveralLayersMakeOneSentence) {
  const Config config = config_with({"batch.size=2", "batch.shards=2"});  // 36 values in the first: enough
  EXPECT_THAT(refusal(config), Not(HasSubstr("more takes")));

  const Config deep = parse_config(R"(data: {path: some.h5}
batch: {size: 8, shards: 4}
network: {input: [2, 2, 1], layers: [flatten, dense: 4, batch_norm, dense: 4, batch_norm, dense: 2, softmax]}
)",
                                   "test.yaml")
                          .config;
  EXPECT_THAT(few_values(deep), ElementsAre(HasSubstr("and 1 more takes")));
}

TEST(FewValues, TheShortShardOfTheLastStepIsNamed) {
  const Config config = config_with({"batch.size=64", "batch.shards=2"});

  // 3 steps of 64, then one of 33: a full shard and one of a single sample.
  EXPECT_THAT(few_values(config, 3 * 64 + 33),
              ElementsAre(AllOf(HasSubstr("the last step of an epoch has 33 samples"),
                                HasSubstr("1 value per channel"), HasSubstr("data.limit=192"))));
  EXPECT_THAT(few_values(config, 3 * 64 + 1), ElementsAre(HasSubstr("has 1 sample, and there")));
  const Config divided = config_with({"batch.size=64", "batch.shards=2", "data.validation_fraction=0.1"});
  EXPECT_THAT(
      few_values(divided, 3 * 64 + 33),
      ElementsAre(AllOf(HasSubstr("A batch.size that divides the 225"), Not(HasSubstr("data.limit")))));
  EXPECT_THAT(few_values(config, 3 * 64 + 32), IsEmpty());  // its one shard is full
  EXPECT_THAT(few_values(config, 3 * 64), IsEmpty());
  const Config step = config_with({"batch.size=64", "batch.shards=2"}, "{statistics: step}");
  EXPECT_THAT(few_values(step, 3 * 64 + 33), IsEmpty());
}

}  // namespace
}  // namespace annulus::trainer
