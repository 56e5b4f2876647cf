// What a run says when it has nothing left to do, and that its advice works; other optimizers, parts of
// epochs, and a checkpoint that is all there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

/// Steps of the checkpoints of a run, oldest first.
std::vector<std::string> checkpoints(const Workplace& place, const std::string& run) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(place.path(run + "/checkpoints")))
    if (!entry.is_symlink()) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

TEST(NothingLeft, ARunThatIsDoneSaysWhatGoesOnAndThatDoes) {
  const Workplace place(96);
  const std::vector<std::string> plan{"schedule.kind=cosine", "epochs=2"};
  ASSERT_EQ(place.run(place.training("run", plan)).code, 0);

  const Outcome again = place.run(place.training("run", plan));
  const Outcome refused = place.run(place.training("run", {"schedule.kind=cosine", "epochs=3"}));
  const Outcome on =
      place.run(place.training("run", {"schedule.kind=cosine", "epochs=3", "--allow-change", "epochs"}));

  EXPECT_EQ(again.code, 0) << again.output;
  EXPECT_THAT(again.output,
              AllOf(HasSubstr("All 6 steps were done before. To go on, start again with a larger "
                              "epochs, and --allow-change epochs"),
                    Not(HasSubstr("patience"))));
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.output, HasSubstr("add --allow-change epochs"));
  EXPECT_EQ(on.code, 0) << on.output;
  EXPECT_THAT(on.output, HasSubstr("Done: 9 steps"));
}

TEST(NothingLeft, ARunThatStoppedEarlySaysWhatGoesOnAndThatDoes) {
  const Workplace place(96);
  const std::vector<std::string> never{"early_stopping.minimum_improvement=1e9"};
  const auto training = [&](std::vector<std::string> more) {
    more.insert(more.end(), never.begin(), never.end());
    return place.run(place.training("run", more));
  };
  ASSERT_THAT(training({"epochs=8", "early_stopping.patience=2"}).output, HasSubstr("stopped early"));

  const Outcome again = training({"epochs=8", "early_stopping.patience=2"});
  const Outcome longer = training({"epochs=9", "early_stopping.patience=2"});
  const Outcome on = training({"epochs=4", "early_stopping.patience=3"});
  const Outcome both = training({"epochs=4", "early_stopping.patience=3"});
  const Outcome further = training({"epochs=5", "early_stopping.patience=0"});

  EXPECT_THAT(again.output, AllOf(HasSubstr("stopped early after step 9 of 24"),
                                  HasSubstr("start again with early_stopping.patience=3 or larger, or 0"),
                                  Not(HasSubstr("larger epochs"))));
  EXPECT_THAT(longer.output, HasSubstr("stopped early after step 9 of 27"));
  EXPECT_THAT(on.output, HasSubstr("Done: 12 steps"));
  EXPECT_THAT(both.output, AllOf(HasSubstr("All 12 steps were done before"),
                                 HasSubstr("a larger epochs, and early_stopping.patience=4 or larger")));
  EXPECT_THAT(further.output, HasSubstr("Done: 15 steps"));
}

TEST(OtherOptimizer, GoesOnAsAdvisedWithTheWeightsAndItsOwnStates) {
  const Workplace place(96);
  const std::vector<std::string> adam{"epochs=2", "optimizer.kind=adam", "optimizer.momentum=null"};
  ASSERT_EQ(place.run(place.training("run", {"epochs=1"})).code, 0);
  const auto training = [&](const std::string& allowed) {
    std::vector<std::string> words = adam;
    if (!allowed.empty()) words.insert(words.end(), {"--allow-change", allowed});
    return place.training("run", words);
  };

  const Outcome refused = place.run(training(""));
  ASSERT_EQ(refused.code, 2);
  const std::string word = "--allow-change ";
  const std::size_t begin = refused.output.find(word) + word.size();
  const std::string advice = refused.output.substr(begin, refused.output.find(".\n", begin) - begin);
  const Outcome allowed = place.run(training(advice), 2);
  const Outcome later = place.run(training(""));

  EXPECT_EQ(allowed.code, 0) << allowed.output;
  EXPECT_THAT(allowed.output,
              AllOf(HasSubstr("optimizer.kind = adam starts without"), HasSubstr("Done: 6 steps")));
  EXPECT_EQ(later.code, 0) << later.output;
  EXPECT_THAT(later.output, Not(HasSubstr("starts without")));
  const auto file = io::Hdf5File::open(place.path("run/checkpoints/latest").string());
  EXPECT_EQ(file.uint64_attribute("optimizer", "steps"), 3u);
}

TEST(OtherNetwork, IsNotAdvisedToBeAllowed) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"epochs=1"})).code, 0);

  const Outcome outcome = place.run(
      place.training("run", {"epochs=2", "network.layers.8.dense.units=12", "--allow-change", "network"}));

  EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("the weights of the run do not fit it (dense/bias is (10) there, (12) now"),
                    Not(HasSubstr("add --allow-change"))));
}

TEST(PartsOfEpochs, AreCheckpointIntervalsAndRowsOfTheirEpoch) {
  const Workplace place(128);  // 4 steps an epoch
  const std::vector<std::string> halves{"checkpoint.every_epochs=0.5", "checkpoint.keep_last=100"};
  const auto training = [&](const std::string& epochs) {
    std::vector<std::string> words{epochs};
    words.insert(words.end(), halves.begin(), halves.end());
    return place.run(place.training("run", words));
  };

  ASSERT_EQ(training("epochs=1.5").code, 0);
  ASSERT_EQ(training("epochs=3").code, 0);

  EXPECT_THAT(checkpoints(place, "run"),
              testing::ElementsAre("step-000000002.h5", "step-000000004.h5", "step-000000006.h5",
                                   "step-000000008.h5", "step-000000010.h5", "step-000000012.h5"));
  std::vector<int> epochs;
  for (const auto& record : place.metrics("run"))
    if (record["kind"] == "epoch") epochs.push_back(record["epoch"]);
  EXPECT_THAT(epochs, testing::ElementsAre(1, 2, 3));
  ASSERT_EQ(place.run(place.training("whole", {"epochs=3"})).code, 0);
  const auto loss_of = [&](const std::string& run) {
    for (const auto& record : place.metrics(run))
      if (record["kind"] == "epoch" && record["epoch"] == 2) return record["loss"].get<double>();
    return -1.0;
  };
  EXPECT_EQ(loss_of("run"), loss_of("whole"));
}

TEST(CheckpointAlone, IsEnoughForEveryVerbThatTakesAModel) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"epochs=2"})).code, 0);
  const Outcome there = place.run({"evaluate", "run"});
  fs::copy_file(fs::canonical(place.path("run/checkpoints/best")), place.path("model.h5"));
  const Outcome of_run = place.run({"summary", "run"});
  fs::remove_all(place.path("run"));

  const Outcome summary = place.run({"summary", "model.h5"});
  const Outcome evaluated = place.run({"evaluate", "model.h5"}, 2);
  const Outcome predicted = place.run({"predict", "model.h5", "--input", "data.h5", "--output", "out.h5"});
  const Outcome dataset = place.run({"summary", "data.h5"});

  EXPECT_EQ(summary.code, 0) << summary.output;
  EXPECT_EQ(summary.output, of_run.output);
  EXPECT_THAT(summary.output, HasSubstr("Total parameters: 5,962"));
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  const auto figures = [](const std::string& output) { return output.substr(output.find("samples ")); };
  EXPECT_EQ(figures(evaluated.output), figures(there.output));
  EXPECT_EQ(dataset.code, 65) << dataset.output;
  EXPECT_THAT(dataset.output, HasSubstr("data.h5: is not a checkpoint"));
}

TEST(CheckpointAlone, ThatDoesNotTellHowItsRunStoodIsAModelStill) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"epochs=1"})).code, 0);
  const std::string path = fs::canonical(place.path("run/checkpoints/latest")).string();
  {
    io::Hdf5File file = io::Hdf5File::open_to_change(path);
    file.set_attribute("/", "metrics", std::string("{\"step\": 3, \"be"));
    file.close();
  }
  io::seal_file(path);

  const Outcome evaluated = place.run({"evaluate", path});
  const Outcome resumed = place.run(place.training("run", {"epochs=2"}));

  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  EXPECT_THAT(evaluated.output, HasSubstr("`metrics` cannot be read"));
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, AllOf(HasSubstr("resumed in run after step 3"), HasSubstr("Done: 6 steps")));
}

}  // namespace
}  // namespace annulus::test
