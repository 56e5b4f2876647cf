// An evaluation says whether every sample was seen exactly once; ranks that saw others are found out.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/trainer/loop/numbered_samples.hpp"
#include "trainer/loop/evaluator.hpp"

namespace annulus::trainer {
namespace {

/// Words of a shard's tally, as the ranks exchange them.
enum Word : std::size_t { kSamples = 2, kIndexSum = 3, kIndexXor = 4 };

/// A rank alone whose tally arrives with one word changed, as if it had seen other samples.
class OtherSamples final : public comm::ProcessGroup {
 public:
  OtherSamples(std::size_t word, std::uint64_t more) : word_(word), more_(more) {}
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void barrier(std::string_view purpose) override { alone_->barrier(purpose); }
  void broadcast(std::span<std::byte> data, int root, std::string_view purpose) override {
    alone_->broadcast(data, root, purpose);
  }
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                  std::string_view purpose) override {
    alone_->all_gather(mine, all, purpose);
    if (purpose != "evaluation") return;
    std::byte* const place = all.data() + word_ * sizeof(std::uint64_t);
    std::uint64_t value = 0;
    std::memcpy(&value, place, sizeof value);
    value += more_;
    std::memcpy(place, &value, sizeof value);
    changed = true;
  }
  std::unique_ptr<comm::Transfer> start_all_reduce_sum(std::span<float> data) override {
    return alone_->start_all_reduce_sum(data);
  }
  std::unique_ptr<comm::Transfer> start_send(std::span<const float> data, int peer, int tag) override {
    return alone_->start_send(data, peer, tag);
  }
  std::unique_ptr<comm::Transfer> start_receive(std::span<float> data, int peer, int tag) override {
    return alone_->start_receive(data, peer, tag);
  }

  bool changed = false;

 private:
  std::unique_ptr<comm::ProcessGroup> alone_ = comm::make_serial_group();
  std::size_t word_;
  std::uint64_t more_;
};

bool each_once(std::size_t word, std::uint64_t more) {
  OtherSamples group(word, more);
  NumberedSource source(4);
  AnsweringReplica replica([](std::uint64_t) { return std::vector<float>(kNumberedClasses, 1.0f / 3); });
  Evaluator evaluator(replica, group, source, io::Generator(source.info(), {}, {}, 0),
                      {.block = 4, .shards = 1});
  const Evaluation result = evaluator.run();
  EXPECT_TRUE(group.changed);
  return result.each_once;
}

TEST(EachOnce, HoldsWhereNothingIsAmiss) { EXPECT_TRUE(each_once(kSamples, 0)); }

TEST(EachOnce, NeedsTheNumberTheSumAndTheExclusiveOr) {
  EXPECT_FALSE(each_once(kSamples, 1));
  EXPECT_FALSE(each_once(kIndexSum, 1));
  EXPECT_FALSE(each_once(kIndexXor, 2)) << "1, 1, 1 and 3 have the sum of 0, 1, 2 and 3";
}

}  // namespace
}  // namespace annulus::trainer
