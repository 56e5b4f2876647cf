// Every verb of the program as its users call it: what it prints, what it writes, how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kSmoke = source_dir() + "/configs/smoke.yaml";

/// The JSON object in an output that may hold log lines before it.
nlohmann::json json_in(const std::string& output) {
  const std::size_t begin = output.find('{');
  if (begin == std::string::npos) return nullptr;
  return nlohmann::json::parse(output.substr(begin), nullptr, false);
}

class Verb : public testing::TestWithParam<const char*> {};

TEST_P(Verb, ExplainsItself) {
  const Workplace place(12);

  const Outcome outcome = place.shell(std::string("\"$ANNULUS\" ") + GetParam() + " --help");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("Usage: annulus"), HasSubstr("--help")));
}

INSTANTIATE_TEST_SUITE_P(All, Verb,
                         testing::Values("", "train", "evaluate", "predict", "summary", "data", "data import",
                                         "data import cifar10", "data import cifar100", "data import idx",
                                         "data import images", "data info", "data show", "data repack",
                                         "bench", "bench step", "bench allreduce", "bench loader", "rich",
                                         "rich simulate", "rich reconstruct", "rich table", "rich curves",
                                         "rich display", "job", "diff-runs", "doctor"));

TEST(CommandLine, MistakesGetOneSentence) {
  const Workplace place(12);

  const Outcome none = place.run({});
  const Outcome unknown = place.run({"trian", "x.yaml"}, 2);
  const Outcome below = place.run({"data", "inof", "data.h5"});
  const Outcome option = place.run({"train", "x.yaml", "--rum", "y"});
  const Outcome version = place.run({"--version"});

  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.output, HasSubstr("error: `annulus` needs a verb: train, evaluate"));
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.output, HasSubstr("error: 'trian' is not a verb of `annulus`. Did you mean train?"));
  EXPECT_EQ(below.code, 2);
  EXPECT_THAT(below.output, HasSubstr("'inof' is not a verb of `data`. Did you mean info?"));
  EXPECT_EQ(option.code, 2);
  EXPECT_THAT(option.output,
              AllOf(HasSubstr("error: "), HasSubstr("--rum"), HasSubstr("annulus train --help")));
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.output, ContainsRegex("^annulus [0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(Summary, TableAndJsonAgree) {
  const Workplace place(12);

  const Outcome table = place.run({"summary", kSmoke});
  const Outcome json = place.run({"summary", kSmoke, "--json"});

  ASSERT_EQ(table.code, 0) << table.output;
  EXPECT_THAT(table.output,
              AllOf(HasSubstr("Output shape"), ContainsRegex("stem \\(conv2d\\) +16, 16, 8 +216"),
                    HasSubstr("Total parameters: 5,962")));
  EXPECT_EQ(json_in(json.output)["total"]["parameters"], 5962);
  EXPECT_EQ(json_in(json.output)["layers"].size(), 9U);
}

TEST(Train, PrintsEveryValueWithItsOrigin) {
  const Workplace place(12);

  const Outcome outcome = place.run(place.training("run", {"epochs=3", "--print-config"}), 2);

  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, ContainsRegex("epochs +3 +# command line\n"));
  EXPECT_THAT(outcome.output, ContainsRegex("seed +7 +# .*configs/smoke.yaml:[0-9]+\n"));
  EXPECT_THAT(outcome.output, ContainsRegex("optimizer.nesterov +false +# default\n"));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(Train, DebugRunsTwoEpochsOnASubset) {
  const Workplace place(1300);

  const Outcome outcome = place.run(place.training("run", {"--debug"}), 2);

  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("debug: "), HasSubstr("1024 training images"), HasSubstr("epoch 2/2")));
}

TEST(Train, SaysWhenNothingIsLeftToDo) {
  const Workplace place(40);
  ASSERT_EQ(place.run(place.training("run")).code, 0);

  const Outcome again = place.run(place.training("run"));

  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.output,
              HasSubstr("All 2 steps were done before. To go on, start again with a larger epochs"));
}

TEST(Train, OnATerminalTheProgressLineIsRedrawn) {
  const Workplace place(6000);  // enough for an epoch of several redraws
  const std::string command = "'$ANNULUS' train '" + kSmoke + "' data.path=data.h5 --run run";

  const Outcome terminal = place.shell("TERM=xterm script -qec \"" + command + "\" /dev/null < /dev/null");
  const Outcome piped = place.run(place.training("piped", {"data.limit=64"}));

  ASSERT_EQ(terminal.code, 0) << terminal.output;
  EXPECT_THAT(terminal.output, ContainsRegex("\repoch 1/1  .*images/s.*left"));
  EXPECT_THAT(piped.output, Not(HasSubstr("\r")));
}

TEST(Evaluate, CountsEverySampleOnceOnAnyNumberOfRanks) {
  const Workplace place(111);  // 37 test images: no multiple of anything
  const std::vector<std::string> shards{"batch.size=24", "batch.shards=6"};
  ASSERT_EQ(place.run(place.training("run", shards)).code, 0);

  const Outcome text = place.run({"evaluate", "run"});
  nlohmann::json expected;
  for (const int ranks : {0, 2, 3}) {
    const Outcome outcome = place.run({"evaluate", "run", "--json", "--top", "1", "3"}, ranks);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    const nlohmann::json result = json_in(outcome.output);
    if (expected.is_null()) expected = result;
    EXPECT_EQ(result, expected) << ranks << " ranks";  // to the last digit of the loss
  }

  EXPECT_EQ(expected["samples"], 37);
  EXPECT_EQ(expected["index_sum"], 36 * 37 / 2);
  EXPECT_EQ(expected["index_xor"], 36);  // 0 ^ 1 ^ ... ^ 36
  EXPECT_EQ(expected["each_sample_once"], true);
  EXPECT_EQ(expected["top_1_accuracy"], expected["accuracy"]);
  EXPECT_GE(expected["top_3_accuracy"], expected["accuracy"]);
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.output, AllOf(HasSubstr("samples 37 (each counted once)"), HasSubstr("accuracy 0."),
                                 ContainsRegex("class 3 +(0\\.|1\\.|no samples)")));
}

TEST(Evaluate, ShowsTheWorstClassesFirst) {
  const Workplace place(111);
  ASSERT_EQ(place.run(place.training("run")).code, 0);

  const Outcome outcome = place.run({"evaluate", "run", "--rows", "3", "--top", "2"});
  const nlohmann::json json = json_in(place.run({"evaluate", "run", "--json"}).output);

  std::vector<double> shares;
  for (const nlohmann::json& share : json["recall"])
    if (!share.is_null()) shares.push_back(share);
  std::ranges::sort(shares);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("top-2 accuracy 0."), HasSubstr("class, worst first"),
                                    HasSubstr(fmt::format("{} classes more", shares.size() - 3))));
  const std::size_t row = outcome.output.find('\n', outcome.output.find("worst first")) + 1;
  EXPECT_THAT(outcome.output.substr(row, outcome.output.find('\n', row) - row),
              HasSubstr(fmt::format("{:.4f}", shares.front())));
  EXPECT_THAT(place.run({"evaluate", "run", "--top", "10"}).output,
              AllOf(HasSubstr("--top 10"), HasSubstr("10 classes"), HasSubstr("Choose 1 to 9")));
}

TEST(Evaluate, TakesTheBestCheckpointBeforeTheLatest) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"epochs=2"})).code, 0);
  const auto folder = place.path("run/checkpoints");
  std::filesystem::remove(folder / "best");
  std::filesystem::create_symlink("step-000000003.h5", folder / "best");

  const Outcome best = place.run({"evaluate", "run"});
  std::filesystem::remove(folder / "best");
  const Outcome latest = place.run({"evaluate", "run"});

  EXPECT_THAT(best.output, HasSubstr("run/checkpoints/best (step 3)"));
  EXPECT_THAT(latest.output, HasSubstr("run/checkpoints/latest (step 6)"));
}

TEST(Evaluate, RefusesWhatIsNoRun) {
  const Workplace place(12);
  std::filesystem::create_directory(place.path("empty"));

  const Outcome nothing = place.run({"evaluate", "gone"}, 2);
  const Outcome empty = place.run({"evaluate", "empty"});
  const Outcome config = place.run({"evaluate", kSmoke});

  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.output, HasSubstr("'gone' does not exist"));
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.output, HasSubstr("empty is not a run directory"));
  EXPECT_EQ(config.code, 2);
  EXPECT_THAT(config.output, HasSubstr("--checkpoint PATH"));
}

/// Checks the rows of a file of predictions against each other. @return share of labels that were predicted
double checked_accuracy(const std::filesystem::path& path, std::size_t samples) {
  const io::Hdf5File file = io::Hdf5File::open(path.string());
  const auto probabilities = file.read<float>("probabilities");
  const auto predictions = file.read<std::int32_t>("predictions");
  const auto labels = file.read<std::int32_t>("labels");
  EXPECT_EQ(predictions.size(), samples);
  EXPECT_EQ(probabilities.size(), samples * 10);
  double correct = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i * 10);
    EXPECT_NEAR(std::accumulate(row, row + 10, 0.0), 1.0, 1e-5);  // ten floats rounded to 2^-24 each
    EXPECT_EQ(std::max_element(row, row + 10) - row, predictions[i]);
    correct += predictions[i] == labels[i];
  }
  return correct / static_cast<double>(predictions.size());
}

TEST(Predict, WritesWhatEvaluateCounts) {
  const Workplace place(111);
  ASSERT_EQ(place.run(place.training("run", {"epochs=3"})).code, 0);
  const nlohmann::json evaluation = json_in(place.run({"evaluate", "run", "--json"}).output);
  const std::vector<std::string> words{"predict", "run", "--input", "data.h5", "--output", "out.h5"};

  const Outcome outcome = place.run(words, 2);
  const Outcome again = place.run(words, 2);

  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_DOUBLE_EQ(checked_accuracy(place.path("out.h5"), 37), evaluation["accuracy"]);
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.output, AllOf(HasSubstr("out.h5: exists already"), HasSubstr("--replace")));
  EXPECT_THAT(place.unfinished(), IsEmpty());
  EXPECT_THAT(place.left_behind(), IsEmpty());
}

TEST(Predict, NeedsNoLabels) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  ASSERT_EQ(place.run({"predict", "run", "--input", "data.h5", "--output", "labelled.h5"}).code, 0);
  {
    const auto source = io::Hdf5File::open(place.path("data.h5").string());
    io::Hdf5File bare = io::Hdf5File::create(place.path("bare.h5").string());
    bare.write<std::uint8_t>("test/images", {32, 32, 32, 3}, source.read<std::uint8_t>("test/images"));
    bare.close();
  }

  const Outcome outcome = place.run({"predict", "run", "--input", "bare.h5", "--output", "bare-out.h5"}, 2);

  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("bare.h5 has no test/labels: predicting without labels."));
  const auto bare = io::Hdf5File::open(place.path("bare-out.h5").string());
  const auto labelled = io::Hdf5File::open(place.path("labelled.h5").string());
  EXPECT_FALSE(bare.exists("labels"));
  EXPECT_EQ(bare.read<float>("probabilities"), labelled.read<float>("probabilities"));
  EXPECT_EQ(place.run({"evaluate", "run", "data.path=bare.h5"}).code, 65);
}

TEST(Data, InfoAndShow) {
  const Workplace place(30);
  const std::vector<std::string> show{"data", "show",     "data.h5",  "--augment",
                                      kSmoke, "--output", "sheet.png"};

  const Outcome info = place.run({"data", "info", "data.h5", "--pixels"});
  const Outcome sheet = place.run(show);

  EXPECT_EQ(info.code, 0);
  EXPECT_THAT(info.output,
              AllOf(HasSubstr("train: 30 images of 32 x 32 x 3 uint8"), HasSubstr("10 classes")));
  ASSERT_EQ(sheet.code, 0) << sheet.output;
  std::string magic(8, '\0');
  std::ifstream(place.path("sheet.png"), std::ios::binary).read(magic.data(), 8);
  EXPECT_EQ(magic, "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(place.run(show).code, 2);  // and keeps the first
}

TEST(Data, WritesForeignFilesAnewAsItAdvises) {
  const Workplace place(12);
  std::vector<std::uint8_t> pixels(6 * 3 * 8 * 8);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
  io::Hdf5File file = io::Hdf5File::create(place.path("its own.h5").string());
  file.write<std::uint8_t>("x_train", {6, 3, 8, 8}, pixels);
  file.write<std::int32_t>("y_train", {6}, std::vector<std::int32_t>{1, 2, 3, 3, 2, 1});
  file.close();

  const Outcome refused = place.run({"data", "repack", "its own.h5", "--output", "made.h5"});
  const std::size_t begin = refused.output.find("`annulus ") + 9;
  const std::string advice = refused.output.substr(begin, refused.output.find('`', begin) - begin);
  const Outcome advised = place.shell("\"$ANNULUS\" " + advice);
  const Outcome info = place.run({"data", "info", "made.h5", "--duplicates", "--json"});

  const Outcome misspelt = place.run({"data", "repack", "data.h5", "data.test=tst", "--output", "no.h5"});

  EXPECT_EQ(refused.code, 65);
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_THAT(misspelt.output, HasSubstr("data.test=tst names images that no input holds"));
  EXPECT_EQ(advised.code, 0) << advice << advised.output;
  const nlohmann::json made = json_in(info.output);
  ASSERT_TRUE(made.contains("splits")) << info.output;
  EXPECT_EQ(made["splits"][0]["shape"], (std::vector<int>{8, 8, 3}));
  EXPECT_EQ(made["splits"][0]["label_counts"], (std::vector<int>{2, 2, 2}));
  EXPECT_EQ(made["classes"], (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(made["config"]["data"]["path"], "made.h5");
  EXPECT_EQ(made["duplicates"][0]["images"], 2) << "values repeat after 256: images 4 and 5 are 0 and 1";
}

TEST(Train, RecordsHowLongTheFirstStepTook) {
  const Workplace place(96);

  const Outcome outcome = place.run(place.training("run"));

  ASSERT_EQ(outcome.code, 0) << outcome.output;
  int found = 0;
  for (const auto& record : place.metrics("run")) {
    if (!record.contains("first_step_s")) continue;
    ++found;
    EXPECT_EQ(record["kind"], "event");
    EXPECT_EQ(record["step"], 1);
    EXPECT_GT(record["data_s"], 0);
    EXPECT_GT(record["first_step_s"], 0);
    EXPECT_LT(record["first_step_s"].get<double>() + record["data_s"].get<double>(), outcome.seconds + 0.02);
  }
  EXPECT_EQ(found, 1);
}

TEST(Bench, PrintsJson) {
  const Workplace place(96);

  const Outcome step = place.run({"bench", "step", kSmoke, "--synthetic", "--seconds", "0.1"}, 2);
  const Outcome loader = place.run({"bench", "loader", kSmoke, "data.path=data.h5", "--seconds", "0.1"});

  ASSERT_EQ(step.code, 0) << step.output;
  const nlohmann::json result = json_in(step.output);
  EXPECT_EQ(result["ranks"], 2);
  EXPECT_GT(result["images_per_s"], 0);
  EXPECT_GT(result["first_step_s"], 0);
  EXPECT_LT(result["first_step_s"].get<double>() + result["data_s"].get<double>(), step.seconds + 0.02);
  ASSERT_EQ(loader.code, 0) << loader.output;
  EXPECT_GT(json_in(loader.output)["images_per_s_and_rank"], 0);
}

TEST(Bench, HoldsAStepAgainstTheMachine) {
  const Workplace place(3);

  const Outcome bench = place.run({"bench", "step", kSmoke, "--synthetic", "--seconds", "0.1"});
  const Outcome summary = place.run({"summary", kSmoke, "--json"});

  ASSERT_EQ(bench.code, 0) << bench.output;
  const nlohmann::json result = json_in(bench.output);
  const nlohmann::json costs = nlohmann::json::parse(summary.output);
  double flops = 0;  // of a sample: forward, and a pass for each gradient
  for (const auto& layer : costs["layers"])
    flops += layer["flops"].get<double>() *
             (1 + (layer["inputs"][0] == "input" ? 0 : 1) + (layer["trainable"].get<int>() > 0 ? 1 : 0));
  const double gflops = result["gflops"];
  EXPECT_NEAR(gflops, 1e-9 * flops * result["images_per_s"].get<double>(), 1e-6 * gflops);  // rounding
  EXPECT_NEAR(result["fma_share"].get<double>(), gflops / result["fma_gflops"].get<double>(), 1e-6);
  EXPECT_GT(result["fma_gflops"], gflops);  // a tiny network is far from the machine's limit
}

TEST(Bench, AllreduceNeedsRanks) {
  const Workplace place(12);

  const Outcome alone = place.run({"bench", "allreduce"});
  const Outcome pair = place.run({"bench", "allreduce", "--largest", "16384"}, 2);

  EXPECT_EQ(alone.code, 2);
  EXPECT_THAT(alone.output, HasSubstr("mpirun -n 2 annulus bench allreduce"));
  ASSERT_EQ(pair.code, 0) << pair.output;
  EXPECT_THAT(pair.output, AllOf(ContainsRegex("16384 +tree"), ContainsRegex("16384 +fast")));
}

TEST(Doctor, ReportsRanksDirectoryAndData) {
  const Workplace place(30);

  const Outcome alone = place.run({"doctor", "data.h5"});
  const Outcome pair =
      place.run({"doctor", "--run", "runs/new", "--config", (source_dir() + "/configs/smoke.yaml")}, 2);
  const Outcome bad = place.run({"doctor", "gone.h5"}, 2);

  EXPECT_EQ(alone.code, 0) << alone.output;
  EXPECT_THAT(alone.output, AllOf(HasSubstr("data.h5:train 30 samples"), HasSubstr("oneDNN"),
                                  ContainsRegex("ok +HDF5"), ContainsRegex("ok +launcher +none"),
                                  ContainsRegex("file locks"), Not(HasSubstr("allreduce"))));
  EXPECT_EQ(pair.code, 0) << pair.output;
  EXPECT_THAT(pair.output,
              AllOf(HasSubstr("rank 0"), HasSubstr("rank 1"), ContainsRegex("launcher +mpirun, 2 rank"),
                    HasSubstr("two checkpoints of smoke"), HasSubstr("a memory copy makes"),
                    ContainsRegex("ok +shared"), ContainsRegex("ok +clock")));
  EXPECT_FALSE(std::filesystem::exists(place.path("runs")));
  EXPECT_EQ(bad.code, 65) << bad.output;
  EXPECT_THAT(bad.output, AllOf(HasSubstr("FAILURE"), HasSubstr("gone.h5: no such file")));
}

TEST(Doctor, EndsWithOneAfterAFailureAndSpeaksJson) {
  const Workplace place(12);

  const Outcome outcome = place.run({"doctor", "--run", "/proc/run", "--json"});

  EXPECT_EQ(outcome.code, 1) << outcome.output;
  const auto report = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(report["healthy"], false);
  EXPECT_THAT(report["lines"].dump(), HasSubstr("/proc cannot be written"));
}

}  // namespace
}  // namespace annulus::test
