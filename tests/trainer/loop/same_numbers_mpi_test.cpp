// Ranks that would compute different bits find out before the first step, all of them, with the same words.
#include "trainer/loop/same_numbers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/mpi_environment.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/loop/same_program.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

comm::ProcessGroup& group() { return annulus::test::session().group(); }
bool is_last() { return group().size() > 1 && group().rank() == group().size() - 1; }

/// Its gradients are all one value.
class ConstantReplica final : public FakeReplica {
 public:
  explicit ConstantReplica(float value, Network network = small_network())
      : FakeReplica(std::move(network)), value_(value) {}
  void train(const io::Batch& batch, comm::GradientReducer& reducer) override {
    for (const io::Shard& shard : batch.shards) {
      std::ranges::fill(reducer.begin_shard(shard.index), value_);
      for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket)
        reducer.bucket_ready(shard.index, bucket);
    }
  }
  Machine machine() const override {
    return {.processor = is_last() ? "a new processor" : "an old processor", .libraries = "a library"};
  }

 private:
  float value_;
};

Config config_with(const std::vector<std::string>& overrides = {}) {
  return parse_config(R"(data: {path: some.h5}
network: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}
)",
                      "test.yaml", overrides)
      .config;
}

/// fill_trainable of initialise() needs Keras' initialisers, which small_network() has by default: zeros.
std::string refusal(ConstantReplica& replica, const std::vector<std::string>& overrides = {}) {
  return message_of<UsageError>(
      [&] { require_same_numbers(config_with(overrides), replica, group(), "somewhere"); });
}

TEST(SameNumbers, OtherProcessorsWithTheSameNumbersPass) {
  ConstantReplica replica(1.0f);

  const NumbersRecord record = require_same_numbers(config_with(), replica, group(), "somewhere");

  EXPECT_NE(record.trial, 0u);
  EXPECT_THAT(record.machine, HasSubstr("a library"));
}

TEST(SameNumbers, ALastBitOfOneRankIsRefusedOnAll) {
  ConstantReplica replica(is_last() ? 1.0000001f : 1.0f);
  if (group().size() == 1) return;

  EXPECT_THAT(refusal(replica),
              AllOf(HasSubstr("the ranks do not compute alike"), HasSubstr("from a trial shard"),
                    HasSubstr("processor instead of a"), HasSubstr("device.mixed=allow")));
}

TEST(SameNumbers, ALastBitIsTakenWhereTheConfigurationAllowsIt) {
  ConstantReplica replica(is_last() ? 1.0000001f : 1.0f);

  const NumbersRecord record =
      require_same_numbers(config_with({"device.mixed=allow"}), replica, group(), "somewhere");

  EXPECT_EQ(record.trial == 0, group().size() > 1);  // nothing that another start could compare itself to
}

TEST(SameNumbers, BuffersOfOtherLengthsAreNeverTaken) {
  Network network = small_network();
  if (is_last()) network.layers.front().parameters.back().extents = {64};
  ConstantReplica replica(1.0f, network);
  if (group().size() == 1) return;

  EXPECT_THAT(refusal(replica, {"device.mixed=allow"}), HasSubstr("gradients instead of"));
}

TEST(SameProgram, AnotherVersionIsRefusedOnAllRanks) {
  require_same_program(group(), "somewhere", "annulus 1.0");
  if (group().size() == 1) return;

  EXPECT_THAT(message_of<UsageError>([&] {
                require_same_program(group(), "somewhere", is_last() ? "annulus 1.1" : "annulus 1.0");
              }),
              AllOf(HasSubstr(fmt::format("rank {} on host somewhere runs annulus 1.1", group().size() - 1)),
                    HasSubstr("rank 0"), HasSubstr("annulus 1.0")));
}

}  // namespace
}  // namespace annulus::trainer
