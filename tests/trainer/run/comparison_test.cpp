// Comparing ledgers and checkpoints of two runs.
#include "trainer/run/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/checkpoint.hpp"
#include "trainer/run/signature_file.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

LedgerLine line(std::uint64_t step, std::uint64_t state, std::uint64_t kernel, std::uint64_t bias) {
  return {.step = step, .hashes = {.state = state, .tensors = {{"z/kernel", kernel}, {"a/bias", bias}}}};
}

TEST(CompareLedgers, EqualWhereBothHaveLines) {
  const LedgerComparison found =
      compare_ledgers({line(1, 10, 1, 1), line(2, 20, 2, 2), line(4, 40, 4, 4)}, {line(2, 20, 2, 2)});

  EXPECT_EQ(found.shared, 1u);
  EXPECT_EQ(found.last_equal, 2u);
  EXPECT_FALSE(found.first_different.has_value());
  EXPECT_EQ(found.end_a, 4u);
  EXPECT_EQ(found.end_b, 2u);
}

TEST(CompareLedgers, NamesTheFirstStepAndItsTensors) {
  const LedgerComparison found =
      compare_ledgers({line(100, 1, 1, 1), line(200, 2, 2, 2), line(300, 3, 3, 3)},
                      {line(100, 1, 1, 1), line(200, 9, 9, 2), line(300, 8, 8, 8)});

  EXPECT_EQ(found.last_equal, 100u);
  EXPECT_EQ(found.first_different, 200u);
  EXPECT_THAT(found.tensors, ElementsAre("z/kernel"));
  const std::string text = to_text({.a = "a", .b = "b", .ledgers = found});
  EXPECT_THAT(text, AllOf(HasSubstr("Equal up to step 100. First difference at step 200: 1 of 2 tensors"),
                          HasSubstr("Between steps 100 and 200"), HasSubstr("ledger.every_steps=1"),
                          HasSubstr("ask for the same numbers")));
}

TEST(CompareLedgers, NeedsNoNarrowingAtTheNextStep) {
  const LedgerComparison found =
      compare_ledgers({line(7, 1, 1, 1), line(8, 2, 2, 2)}, {line(7, 1, 1, 1), line(8, 3, 2, 3)});

  EXPECT_THAT(to_text({.a = "a", .b = "b", .ledgers = found}), Not(HasSubstr("Between steps")));
}

TEST(CompareLedgers, TensorsOfOneSideOnlyDiffer) {
  LedgerLine other = line(1, 9, 1, 1);
  other.hashes.tensors[1].path = "a/gamma";

  EXPECT_THAT(compare_ledgers({line(1, 1, 1, 1)}, {other}).tensors, ElementsAre("a/bias", "a/gamma"));
}

class CompareCheckpoints : public testing::Test {
 protected:
  CompareCheckpoints() : optimizer({.momentum = 0.9}, replica.network(), replica.layout()) {
    fill_trainable(replica, replica.parameters(), 1);
  }
  std::string save(const std::string& name) {
    write_checkpoint(directory / name, {.step = 3}, replica, optimizer);
    return directory / name;
  }
  TemporaryDirectory directory;
  FakeReplica replica;
  Optimizer optimizer;
};

TEST_F(CompareCheckpoints, MeasuresWhatDiffers) {
  const std::string a = save("a.h5");
  const std::size_t dense = replica.layout().trainable[4].offset;
  replica.parameters()[dense] += 0.5f;
  replica.parameters()[dense + 1] -= 0.25f;

  const CheckpointComparison found = compare_checkpoints(a, save("b.h5"));

  ASSERT_EQ(found.tensors.size(), 1u);
  EXPECT_EQ(found.tensors[0].path, "parameters/dense/kernel");
  EXPECT_EQ(found.tensors[0].differing, 2u);
  EXPECT_EQ(found.tensors[0].values, 192u);
  EXPECT_NEAR(found.tensors[0].largest, 0.5, 1e-6);  // of floats near 1
  EXPECT_FALSE(found.same_hash);
}

TEST_F(CompareCheckpoints, FindsEqualOnesEqual) {
  const CheckpointComparison found = compare_checkpoints(save("a.h5"), save("b.h5"));

  EXPECT_TRUE(found.same_hash);
  EXPECT_THAT(found.tensors, IsEmpty());
}

/// Text of a run's data.json.
std::string data_text(const std::vector<std::string>& classes, const std::vector<std::string>& columns,
                      double rescale = 1) {
  return signature_json({.classes = classes,
                         .vectors = {{"track", columns}},
                         .pixels = {.type = io::PixelType::uint8, .measured = false, .rescale = rescale}});
}

TEST(CompareRuns, NamesWhatTheDataMeanOtherwise) {
  const auto found = signature_differences(data_text({"ant", "bee", "cod"}, {"p", "x"}),
                                           data_text({"ant", "cod", "bee"}, {"p"}, 0.5));

  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].key, "data.classes");
  EXPECT_EQ(found[0].one, "1 is \"bee\" (and 1 more)");
  EXPECT_EQ(found[0].other, "1 is \"cod\" (and 1 more)");
  EXPECT_EQ(found[1].key, "data.columns.track");
  EXPECT_EQ(found[1].one, "1 is \"x\"");
  EXPECT_EQ(found[1].other, "1 is nothing");
  EXPECT_EQ(found[2].key, "data.pixels.rescale");
  EXPECT_EQ(found[2].other, "0.5");
}

TEST(CompareRuns, ComparesNoNamesWhereARunHasNone) {
  const std::string text = data_text({"ant"}, {"p"});

  EXPECT_THAT(signature_differences(text, text), IsEmpty());
  EXPECT_THAT(signature_differences(text, ""), IsEmpty()) << "of an older version";
  EXPECT_THAT(signature_differences("[1]", text), IsEmpty());
  EXPECT_EQ(signature_differences(text, "{\"classes\": 3}")[0].other, "3") << "changed by hand";
}

TEST(CompareRuns, TheSameStateUnderOtherNamesIsNotEqual) {
  RunComparison runs{.a = "a", .b = "b", .ledgers = compare_ledgers({line(1, 1, 1, 1)}, {line(1, 1, 1, 1)})};
  EXPECT_TRUE(runs.equal());

  runs.data = {{"data.classes", "0 is \"ant\"", "0 is \"bee\""}};

  EXPECT_FALSE(runs.equal());
  EXPECT_TRUE(runs.same_state());
  EXPECT_THAT(to_text(runs), AllOf(HasSubstr("Equal: the same state"),
                                   HasSubstr("data.classes: 0 is \"ant\" in a, 0 is \"bee\" in b"),
                                   Not(HasSubstr("cause lies in"))));
  EXPECT_THAT(to_json(runs), AllOf(HasSubstr("\"equal\": false"), HasSubstr("data.classes")));
}

TEST_F(CompareCheckpoints, OfRunsWithoutLedgersTheFirstThatDiffersIsTold) {
  for (const std::string run : {"a", "b"}) {
    std::filesystem::create_directories(directory / (run + "/checkpoints"));
    write_file(directory / (run + "/config.yaml"),
               "name: small\nepochs: 1\nbatch: {size: 4, shards: 1}\nnetwork:\n  input: [2, 2, 1]\n"
               "  layers: [flatten, {dense: 2}, softmax]\n");
    for (const std::uint64_t step : {1, 2, 3}) {
      if (run == "b" && step == 2) replica.parameters()[replica.layout().trainable[4].offset] += 0.5f;
      const std::string name = "/checkpoints/step-00000000" + std::to_string(step) + ".h5";
      write_checkpoint(directory / (run + name), {.step = step}, replica, optimizer);
    }
  }

  const RunComparison found = compare_runs(directory / "a", directory / "b");

  ASSERT_TRUE(found.checkpoints);
  EXPECT_EQ(found.checkpoints->step, 2u);
  EXPECT_FALSE(found.equal());
}

TEST(CompareRuns, RefusesWhatIsNoRun) {
  TemporaryDirectory directory;

  EXPECT_THAT(message_of<UsageError>([&] { compare_runs(directory.path(), directory.path()); }),
              HasSubstr("is not a run directory"));
}

}  // namespace
}  // namespace annulus::trainer
