// What chooses a model, as a user meets it: said where the test samples do, kept apart where that is asked
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

nlohmann::json json_in(const std::string& output) {
  const std::size_t begin = output.find('{');
  if (begin == std::string::npos) return nullptr;
  return nlohmann::json::parse(output.substr(begin), nullptr, false);
}

TEST(Validation, TestSamplesThatChoseTheModelAreNamedWhenTheyJudgeIt) {
  const Workplace place(96);

  const Outcome training = place.run(place.training("run", {"epochs=2"}));
  const Outcome judged = place.run({"evaluate", "run"});
  const Outcome json = place.run({"evaluate", "run", "--json"}, 2);
  const Outcome latest = place.run({"evaluate", "run", "--checkpoint", place.path("run/checkpoints/latest")});
  const Outcome train = place.run({"evaluate", "run", "--split", "train"});

  ASSERT_EQ(training.code, 0) << training.output;
  EXPECT_THAT(training.output, HasSubstr("validating on 'test'"));
  EXPECT_THAT(judged.output, AllOf(HasSubstr("These samples chose the model"), HasSubstr("macro recall"),
                                   HasSubstr("Train with data.validation_fraction=0.1")));
  EXPECT_EQ(json_in(json.output)["chose_the_model"], true) << json.output;
  EXPECT_THAT(latest.output, Not(HasSubstr("chose the model")));
  EXPECT_THAT(train.output, AllOf(HasSubstr("samples 96"), Not(HasSubstr("chose the model"))));
}

/// A checkpoint as versions wrote it that did not note what the run was validated on.
TEST(Validation, OfOlderVersionsTheTestSamplesAreSuspected) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"epochs=2"})).code, 0);
  const std::string best = std::filesystem::canonical(place.path("run/checkpoints/best")).string();
  io::Hdf5File checkpoint = io::Hdf5File::open_to_change(best);
  checkpoint.set_attribute("/", "validation_data", std::string());
  checkpoint.set_attribute("/", "validated_on", std::string());
  checkpoint.close();
  io::seal_file(best);

  EXPECT_THAT(place.run({"evaluate", "run"}).output, HasSubstr("These samples probably chose the model"));
  EXPECT_THAT(place.run({"evaluate", "run", "--split", "train"}).output, Not(HasSubstr("chose the model")));
}

TEST(Validation, APartOfTheTrainingSamplesIsTheSameOnAnyNumberOfRanks) {
  const Workplace place(96);
  const std::vector<std::string> part{"epochs=2", "data.validation_fraction=0.25"};
  std::vector<std::string> streamed = part;
  streamed.insert(streamed.end(), {"data.resident_mb=0", "data.window_mb=1"});

  const Outcome one = place.run(place.training("one", part));
  const Outcome two = place.run(place.training("two", part), 2);
  const Outcome from_disk = place.run(place.training("disk", streamed), 2);
  const Outcome held_out = place.run({"evaluate", "one", "--split", "validation"});
  const Outcome rest = place.run({"evaluate", "one", "--split", "train"});
  const Outcome test = place.run({"evaluate", "one"});

  ASSERT_EQ(one.code, 0) << one.output;
  ASSERT_EQ(two.code, 0) << two.output;
  EXPECT_EQ(from_disk.code, 0) << from_disk.output;
  EXPECT_THAT(one.output,
              AllOf(HasSubstr("validating on 25 % of the training samples"), HasSubstr("72 training")));
  EXPECT_EQ(place.state_hash("one"), place.state_hash("two"));
  EXPECT_THAT(held_out.output, AllOf(HasSubstr("samples 24 "), HasSubstr("These samples chose the model"),
                                     Not(HasSubstr("Train with"))));
  EXPECT_THAT(rest.output, HasSubstr("samples 72 "));
  EXPECT_THAT(test.output, Not(HasSubstr("chose the model")));
  std::uint64_t seen = 0;
  for (const auto& record : place.metrics("one"))
    if (record["kind"] == "evaluation") {
      EXPECT_EQ(record["samples"], 24u);
      EXPECT_EQ(record["epoch"], ++seen) << "counted from 1, as on the screen";
    }
  EXPECT_EQ(seen, 2u);

  const Outcome other = place.run(place.training("one", {"epochs=3", "data.validation_fraction=0.5"}));
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.output, HasSubstr("data.validation_fraction: 0.25 there, 0.5 now"));
}

TEST(Validation, ThePartThatWasHeldOutCanBePredicted) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"data.validation_fraction=0.25"})).code, 0);
  const auto predict = [&](const std::string& split, const std::string& name) {
    return place.run({"predict", "run", "--input", "data.h5", "--split", split, "--output", name});
  };

  const Outcome judged = place.run({"evaluate", "run", "--split", "validation", "--json"});
  const Outcome part = predict("validation", "part.h5");
  const Outcome whole = predict("train", "whole.h5");

  ASSERT_EQ(part.code, 0) << part.output;
  const io::Hdf5File predictions = io::Hdf5File::open(place.path("part.h5").string());
  const auto rows = predictions.read<std::uint64_t>("rows");
  const auto answers = predictions.read<std::int32_t>("predictions");
  const auto labels = predictions.read<std::int32_t>("labels");
  ASSERT_EQ(rows.size(), 24u);
  ASSERT_EQ(labels.size(), 24u);
  const io::Hdf5File data = io::Hdf5File::open(place.path("data.h5").string());
  const auto stored = data.read<std::int32_t>("train/labels");
  const io::Hdf5File all = io::Hdf5File::open(place.path("whole.h5").string());
  const auto others = all.read<std::int32_t>("predictions");
  ASSERT_EQ(others.size(), 96u) << whole.output;
  int right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(labels[i], stored[rows[i]]);
    EXPECT_EQ(answers[i], others[rows[i]]) << "row " << rows[i];
    right += answers[i] == labels[i];
  }
  EXPECT_NEAR(json_in(judged.output)["accuracy"].get<double>(), right / 24.0, 1e-9) << judged.output;
  EXPECT_FALSE(all.exists("rows"));
  EXPECT_THAT(whole.output,
              AllOf(HasSubstr("data.validation_fraction = 0.25"), HasSubstr("--split validation")));
}

TEST(Validation, TheSamplesThatTrainedTheModelAreNamedWhenTheyArePredicted) {
  const Workplace place(36);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  const auto predict = [&](const std::string& split) {
    return place.run({"predict", "run", "--input", "data.h5", "--split", split, "--output", split + ".h5"})
        .output;
  };

  EXPECT_THAT(predict("train"), HasSubstr("'train' holds the very samples that the model was trained on"));
  EXPECT_THAT(predict("test"), Not(HasSubstr("was trained on")));
}

/// The fraction came from the command line of the training, and the config knows nothing of it.
TEST(Validation, ACheckpointKnowsWhatWasHeldOutWhereTheConfigDoesNot) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"data.validation_fraction=0.25", "seed=77"})).code, 0);
  std::filesystem::copy_file(place.path("run/checkpoints/latest"), place.path("model.h5"));
  const std::string smoke = source_dir() + "/configs/smoke.yaml";
  const auto evaluate = [&](const std::string& split, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"evaluate",          smoke,     "--checkpoint", "model.h5",
                                   "data.path=data.h5", "--split", split};
    words.insert(words.end(), more.begin(), more.end());
    return place.run(words);
  };

  const Outcome held_out = evaluate("validation");
  EXPECT_EQ(held_out.code, 0) << held_out.output;
  EXPECT_THAT(held_out.output, AllOf(HasSubstr("samples 24 "), HasSubstr("taken from the checkpoint")));
  EXPECT_THAT(evaluate("train").output, HasSubstr("samples 72 "));
  EXPECT_THAT(evaluate("train", {"data.validation_fraction=0"}).output, HasSubstr("samples 96 "));
}

TEST(Validation, WhatCannotBeDecidedIsRefusedBeforeAnythingIsWritten) {
  const Workplace place(36);

  const Outcome misspelt = place.run(place.training("run", {"data.validation=tets"}));
  const Outcome nothing = place.run(place.training("run", {"data.test=none", "early_stopping.patience=2"}));
  const Outcome none = place.run(place.training("run", {"data.validation=none"}));

  EXPECT_EQ(misspelt.code, 2);
  EXPECT_THAT(misspelt.output, HasSubstr("has no group 'tets', which data.validation names"));
  EXPECT_THAT(misspelt.output, HasSubstr("Did you mean test?"));
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.output, HasSubstr("early_stopping.patience = 2"));
  EXPECT_EQ(none.code, 0) << none.output;
  EXPECT_THAT(none.output, HasSubstr("no checkpoint is the best one"));
  EXPECT_THAT(none.output, HasSubstr("started in run")) << "the others left no directory behind";
}

TEST(Output, ThatCannotBeWrittenIsAnErrorOfEveryVerb) {
  const Workplace place(36);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  const std::string smoke = source_dir() + "/configs/smoke.yaml";

  for (const char* const words :
       {"--help", "--version", "train --help", "data info data.h5", "evaluate run", "evaluate run --json",
        "status run", "status run --json", "diff-runs run run", "doctor data.h5"}) {
    const Outcome outcome = place.shell(std::string("\"$ANNULUS\" ") + words + " > /dev/full");
    EXPECT_NE(outcome.code, 0) << words;
    EXPECT_THAT(outcome.output, HasSubstr("standard output: cannot be written (No space left on device)"))
        << words;
    const Outcome closed = place.shell(std::string("\"$ANNULUS\" ") + words + " >&-");
    EXPECT_NE(closed.code, 0) << words;
    EXPECT_THAT(closed.output, HasSubstr("standard output: is closed")) << words;
  }
  for (const std::string& words : {"summary " + smoke, "train " + smoke + " --print-config",
                                   "job " + smoke + " --nodes 1 --ranks-per-node 1 --time 1:00:00"}) {
    const Outcome outcome = place.shell(std::string("\"$ANNULUS\" ") + words + " > /dev/full");
    EXPECT_NE(outcome.code, 0) << words << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("standard output: cannot be written")) << words;
  }
  EXPECT_EQ(place.shell("\"$ANNULUS\" summary " + smoke + " | head -1 > /dev/null").code, 0);
}

TEST(Output, NamesOfOthersReachNoTerminal) {
  const Workplace place(36);
  {
    io::Hdf5File file = io::Hdf5File::open_to_change(place.path("data.h5").string());
    std::vector<std::string> names(10, "plain");
    for (std::size_t i = 0; i < names.size(); ++i) names[i] += std::to_string(i);
    names[0] = "\x1b[31mred";
    names[1] = "caf\xE9";
    names[2] =
        "\xC2\x9B"
        "2J";
    names[3] = "cat\n  dog                      1.0000";
    names[4] = "tab\tulator";
    names[6] = names[5];
    file.set_attribute("/", "classes", names);
    file.close();
  }
  const Outcome training = place.run(place.training("run"));
  ASSERT_EQ(training.code, 0) << training.output;

  const Outcome table = place.run({"evaluate", "run"});
  const Outcome json = place.run({"evaluate", "run", "--json"});
  const Outcome info = place.run({"data", "info", "data.h5"});
  const Outcome group = place.run(place.training("other", {"data.validation=a\x1b[31mb"}));

  for (const Outcome* outcome : {&table, &json, &info, &group}) {
    EXPECT_THAT(outcome->output, Not(HasSubstr("\x1b")));
    EXPECT_THAT(outcome->output, Not(HasSubstr("\xC2\x9B")));
    EXPECT_THAT(outcome->output, Not(HasSubstr("\n  dog"))) << "a name that makes a line of its own";
    EXPECT_THAT(outcome->output, Not(HasSubstr("\xE9")));
  }
  EXPECT_THAT(table.output,
              AllOf(HasSubstr("\\u001b[31mred"), HasSubstr("caf\\xe9"), HasSubstr("\\u009b2J")));
  for (const Outcome* outcome : {&table, &info})
    EXPECT_THAT(outcome->output,
                AllOf(HasSubstr("\\u001b[31mred"), HasSubstr("cat\\n  dog"), HasSubstr("tab\\tulator"),
                      HasSubstr("the class \"plain5\" stands there twice (5 and 6, counted from 0)")));
  EXPECT_THAT(table.output, AllOf(HasSubstr("plain5 (5)"), HasSubstr("plain5 (6)")));
  EXPECT_THAT(training.output, HasSubstr("warning: data.h5:train: the class \"plain5\" stands there twice"));
  ASSERT_EQ(json.code, 0) << json.output;
  EXPECT_EQ(json_in(json.output)["classes"][0], "\x1b[31mred") << json.output;
  EXPECT_EQ(json_in(json.output)["classes"][1], "caf\xEF\xBF\xBD");
}

}  // namespace
}  // namespace annulus::test
