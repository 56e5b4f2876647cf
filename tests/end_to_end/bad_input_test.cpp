// What a user gets wrong: every mistake ends in one sentence with the right exit code, soon, on every number
// of ranks, with nothing half-written and nobody left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "io/dataset/writer.hpp"
#include "io/files/durable_file.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Matcher;
using testing::Not;

constexpr double kSoon = 10;  // seconds, generous for a busy machine; a lost rank would cost five minutes

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

/// One mistake, made alone and on two ranks.
void expect_refusal(const Workplace& place, const std::vector<std::string>& words, int code,
                    const Matcher<const std::string&>& message) {
  for (const int ranks : {0, 2}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks: " << testing::PrintToString(words));
    const Outcome outcome = place.run(words, ranks);
    EXPECT_EQ(outcome.code, code) << outcome.output;
    EXPECT_THAT(outcome.output, message);
    EXPECT_EQ(count(outcome.output, "error: "), 1U) << outcome.output;  // said once, not by every rank
    EXPECT_THAT(outcome.output, Not(HasSubstr("MPI_ABORT")));
    EXPECT_LT(outcome.seconds, kSoon);
    EXPECT_THAT(place.unfinished(), IsEmpty());
    EXPECT_THAT(place.left_behind(), IsEmpty());
  }
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The smoke config with one piece of text exchanged, as `changed.yaml`.
void write_changed_config(const Workplace& place, const std::string& from, const std::string& to) {
  std::string text = read_text(source_dir() + "/configs/smoke.yaml");
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  write_text(place.path("changed.yaml"), text.replace(at, from.size(), to));
}

TEST(BadConfig, UnknownKeyNamesLineAndNeighbour) {
  const Workplace place(12);
  write_changed_config(place, "  momentum: 0.9\n\nschedule", "  momentm: 0.9\n\nschedule");

  expect_refusal(place, {"train", "changed.yaml", "data.path=data.h5"}, 2,
                 AllOf(ContainsRegex("changed\\.yaml:[0-9]+: unknown key optimizer\\.momentm"),
                       HasSubstr("Did you mean momentum?")));
  expect_refusal(place, {"summary", "changed.yaml"}, 2, HasSubstr("Did you mean momentum?"));
}

TEST(BadConfig, ShapeThatLeavesARestSuggestsAPaddingWhereThatIsStrict) {
  const Workplace place(12);
  write_changed_config(place, "max_pool: 2", "max_pool: 3");

  expect_refusal(place, {"train", "changed.yaml", "data.path=data.h5", "network.strict_shapes=true"}, 2,
                 AllOf(ContainsRegex("changed\\.yaml:[0-9]+"), HasSubstr("(16 - 3 + 2*0)/3 + 1 = 5.33"),
                       HasSubstr("padding: 1")));
}

TEST(BadConfig, BatchThatDoesNotDivide) {
  const Workplace place(12);

  expect_refusal(place, place.training("run", {"batch.size=30"}), 2,
                 AllOf(HasSubstr("batch.size = 30 does not divide into batch.shards = 4"),
                       HasSubstr("Try batch.size = 28 or 32")));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(BadConfig, ShardsThatRanksCannotShare) {
  const Workplace place(12);

  const Outcome outcome = place.run(place.training("run"), 3);

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("batch.shards = 4 cannot be shared out evenly over 3 ranks"));
  EXPECT_THAT(outcome.output, HasSubstr("Start 1, 2, 4 ranks"));
  EXPECT_EQ(count(outcome.output, "error: "), 1U) << outcome.output;
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(BadConfig, MissingFile) {
  const Workplace place(12);

  expect_refusal(place, {"train", "no/such.yaml"}, 2,
                 AllOf(HasSubstr("no/such.yaml"), HasSubstr("Is the path right")));
}

TEST(BadData, MissingTruncatedOrNoHdf5AtAll) {
  const Workplace place(60);
  std::filesystem::copy_file(place.path("data.h5"), place.path("cut.h5"));
  std::filesystem::resize_file(place.path("cut.h5"), 200'000);
  write_text(place.path("letter.h5"), "Dear data set,\n");

  expect_refusal(place, place.training("run", {"data.path=gone.h5"}), 65, HasSubstr("gone.h5: no such file"));
  expect_refusal(place, place.training("run", {"data.path=cut.h5"}), 65,
                 AllOf(HasSubstr("cut.h5: cannot be read"), HasSubstr("copy or make it again")));
  expect_refusal(place, place.training("run", {"data.path=cut.h5", "data.resident_mb=0"}), 65,
                 HasSubstr("cut.h5: cannot be read"));
  expect_refusal(place, place.training("run", {"data.path=letter.h5"}), 65,
                 AllOf(HasSubstr("letter.h5: is not an HDF5 file"), HasSubstr("annulus data import")));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(BadData, AFileThatCrashesTheLibraryIsRefusedByEveryVerb) {
  const Workplace place(12);
  std::filesystem::copy_file(place.path("data.h5"), place.path("checkpoint.h5"));
  io::seal_file(place.path("checkpoint.h5"));
  ::setenv("LD_PRELOAD", CRASHING_HDF5, 1);
  const auto message =
      AllOf(HasSubstr("cannot be read: a process that tried crashed"), HasSubstr("made to do harm"));

  expect_refusal(place, {"data", "info", "data.h5"}, 65, message);
  expect_refusal(place, place.training("run"), 65, message);
  expect_refusal(place,
                 {"evaluate", source_dir() + "/configs/smoke.yaml", "data.path=data.h5", "--checkpoint",
                  "checkpoint.h5"},
                 65, message);
  expect_refusal(place, {"rich", "reconstruct", "data.h5"}, 65, message);
  ::unsetenv("LD_PRELOAD");
}

/// A dataset with one label or pixel out of order.
void write_dataset(const std::filesystem::path& path, std::int32_t last_label, float bad_pixel,
                   std::int64_t rows = 40) {
  std::vector<float> pixels(static_cast<std::size_t>(rows) * 32 * 32 * 3, 0.5F);
  pixels[33 * 32 * 32 * 3 + 7] = bad_pixel;
  std::vector<std::int32_t> labels(static_cast<std::size_t>(rows), 1);
  labels.back() = last_label;
  io::Hdf5File file = io::Hdf5File::create(path.string());
  std::vector<std::string> names;
  names.reserve(10);
  for (int k = 0; k < 10; ++k) names.push_back("class " + std::to_string(k));
  file.set_attribute("/", "classes", names);
  file.write<float>("train/images", {rows, 32, 32, 3}, pixels, {.chunk_rows = 2});
  file.write<std::int32_t>("train/labels", {rows}, labels);
  file.close();
}

TEST(BadData, LabelOutOfRangeNamesItsRow) {
  const Workplace place(12);
  write_dataset(place.path("label.h5"), 10, 0.5F);

  expect_refusal(place, place.training("run", {"data.path=label.h5"}), 65,
                 AllOf(HasSubstr("label.h5, train/labels: row 39 has the label 10"), HasSubstr("Mend")));
}

TEST(BadData, NotANumberNamesItsRow) {
  const Workplace place(12);
  write_dataset(place.path("nan.h5"), 1, std::numeric_limits<float>::quiet_NaN());
  const auto message =
      AllOf(HasSubstr("nan.h5, train/images: row 33 holds the value nan"), HasSubstr("drop"));

  expect_refusal(place, place.training("run", {"data.path=nan.h5"}), 65, message);
  expect_refusal(place, place.training("run", {"data.path=nan.h5", "data.resident_mb=0"}), 65, message);
}

TEST(BadData, NotANumberMetByOneRankInTheMiddleOfTraining) {
  const Workplace place(12);
  write_dataset(place.path("nan.h5"), 1, std::numeric_limits<float>::infinity(), 400);

  // Nothing reads all pixels in advance, the hash of the content passes over row 33, and it is rank 0's
  // alone.
  const Outcome outcome =
      place.run(place.training("run", {"data.path=nan.h5", "data.resident_mb=0", "normalisation.kind=none",
                                       "data.shuffle=false", "batch.size=8", "data.window_mb=1"}),
                2);

  EXPECT_EQ(outcome.code, 65) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("[rank 0] error: nan.h5, train/images: row 33 holds the value inf"));
  EXPECT_LT(outcome.seconds, kSoon);
  EXPECT_THAT(place.left_behind(), IsEmpty());
}

TEST(BadData, DatasetThatDoesNotFitTheNetwork) {
  const Workplace place(12);
  write_changed_config(place, "input: [32, 32, 3]", "input: [64, 64, 3]");

  expect_refusal(place, {"train", "changed.yaml", "data.path=data.h5", "--run", "run"}, 2,
                 AllOf(HasSubstr("shape (32, 32, 3)"), HasSubstr("network.input is [64, 64, 3]"),
                       HasSubstr("Set network.input")));

  write_changed_config(place, "units: 10", "units: 4");
  expect_refusal(
      place, {"train", "changed.yaml", "data.path=data.h5", "--run", "run"}, 2,
      AllOf(HasSubstr("has 10 classes, but the network ends in 4 outputs"), HasSubstr("10 units")));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(BadRunDirectory, CannotBeMade) {
  const Workplace place(12);
  write_text(place.path("file"), "in the way");  // root may write everywhere, but not below a file

  expect_refusal(place, place.training("file/run"), 2,
                 AllOf(HasSubstr("file/run"), HasSubstr("cannot be made"), HasSubstr("--run DIR")));
  expect_refusal(place, place.training("file"), 2, HasSubstr("file is a file, but a run needs a directory"));
  EXPECT_EQ(read_text(place.path("file")), "in the way");
}

TEST(BadRunDirectory, HoldsSomethingElse) {
  const Workplace place(12);
  std::filesystem::create_directory(place.path("letters"));
  write_text(place.path("letters/letter.txt"), "dear");
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  const std::string config = read_text(place.path("run/config.yaml"));
  const std::uint64_t hash = place.state_hash("run");

  expect_refusal(place, place.training("letters"), 2, HasSubstr("letters holds other files and no run"));
  expect_refusal(
      place, place.training("run", {"seed=9", "optimizer.momentum=0.5"}), 2,
      AllOf(HasSubstr("run holds a run of another configuration"), HasSubstr("seed"), HasSubstr("momentum")));
  EXPECT_EQ(read_text(place.path("run/config.yaml")), config);
  EXPECT_EQ(place.state_hash("run"), hash);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(place.path("letters")), {}), 1);
}

TEST(BadRunDirectory, IsRefusedBeforeTheDataAreOpened) {
  const Workplace place(12);
  std::filesystem::create_directory(place.path("letters"));
  write_text(place.path("letters/letter.txt"), "dear");
  const std::string nowhere = "data.path=nowhere.h5";  // what is opened first complains first

  expect_refusal(place, place.training("letters", {nowhere}), 2, HasSubstr("letters holds other files"));
  expect_refusal(place, place.training("run", {nowhere, "--resume", "letters/letter.txt"}), 65,
                 HasSubstr("letters/letter.txt"));
  expect_refusal(place, place.training("run", {nowhere}), 65, HasSubstr("nowhere.h5"));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(BadRunDirectory, FullDiskKeepsEarlierCheckpoints) {
  const Workplace place(40);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  const std::uint64_t hash = place.state_hash("run");

  const std::string words = source_dir() + "/configs/smoke.yaml data.path=data.h5 --run run";
  const Outcome full = place.shell("ulimit -f 40; exec \"$ANNULUS\" train " + words + " epochs=2");

  EXPECT_EQ(full.code, 1) << full.output;
  EXPECT_THAT(full.output, HasSubstr("run/checkpoints/step-000000004.h5 was not written"));
  EXPECT_THAT(full.output, HasSubstr("Earlier checkpoints are untouched"));
  EXPECT_THAT(place.unfinished(), IsEmpty());
  EXPECT_EQ(place.state_hash("run"), hash);
  EXPECT_EQ(place.run(place.training("run", {"epochs=2"})).code, 0);  // and with room again it goes on
}

TEST(BadRunDirectory, WhatRankZeroCannotWriteEndsAllAlike) {
  const Workplace place(40);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  // Not empty: what a killed process was writing is removed at the start.
  std::filesystem::create_directories(place.path("run/checkpoints/step-000000004.h5.partial/kept"));

  const Outcome outcome = place.run(place.training("run", {"epochs=2"}), 2);

  EXPECT_EQ(outcome.code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("error: checkpoint run/checkpoints/step-000000004.h5"));
  EXPECT_EQ(count(outcome.output, "error: "), 1U) << outcome.output;
  EXPECT_LT(outcome.seconds, kSoon);
  std::filesystem::remove_all(place.path("run/checkpoints/step-000000004.h5.partial"));
  EXPECT_THAT(place.unfinished(), IsEmpty());
  EXPECT_THAT(place.left_behind(), IsEmpty());
  for (const char* rank : {"0", "1"}) {
    const auto crash =
        nlohmann::json::parse(read_text(place.path(std::string("run/crash/rank-") + rank + ".json")));
    EXPECT_EQ(crash["exit_code"], 1);
    EXPECT_THAT(crash["message"].get<std::string>(), HasSubstr("was not written"));
  }
}

TEST(BadCheckpoint, AllCorruptIsAnErrorAndDeletesNothing) {
  const Workplace place(40);
  ASSERT_EQ(place.run(place.training("run", {"epochs=2"})).code, 0);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(place.path("run/checkpoints")))
    if (!entry.is_symlink()) files.push_back(entry.path());
  ASSERT_EQ(files.size(), 2U);
  for (const auto& file : files) std::filesystem::resize_file(file, 5000);

  expect_refusal(place, place.training("run", {"epochs=3"}), 65,
                 AllOf(HasSubstr("none of the 2 checkpoints can be used"), HasSubstr("--run")));
  for (const auto& file : files) EXPECT_EQ(std::filesystem::file_size(file), 5000U);
}

TEST(BadCheckpoint, ResumeFromWhatIsNone) {
  const Workplace place(12);

  expect_refusal(place, place.training("run", {"--resume", "data.h5"}), 65,
                 HasSubstr("data.h5: is not a checkpoint of this program"));
  expect_refusal(place, place.training("run", {"--resume", "gone.h5"}), 65,
                 HasSubstr("gone.h5: cannot be read"));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(BadCheckpoint, OfAnotherNetwork) {
  const Workplace place(12);
  ASSERT_EQ(place.run(place.training("first")).code, 0);
  const std::string other = "first/checkpoints/latest";
  write_changed_config(place, "filters: 8, kernel: 3, stride: 2", "filters: 16, kernel: 3, stride: 2");
  std::string text = read_text(place.path("changed.yaml"));
  write_text(place.path("changed.yaml"), text.replace(text.find("filters: 8"), 10, "filters: 16"));

  expect_refusal(
      place, {"train", "changed.yaml", "data.path=data.h5", "--run", "run", "--resume", other}, 2,
      AllOf(HasSubstr("network.layers.0.conv2d.filters: 8 there, 16 now"), Not(HasSubstr("--allow-change"))));
  expect_refusal(place,
                 {"train", "changed.yaml", "data.path=data.h5", "--run", "run", "--resume", other,
                  "--allow-change", "network"},
                 2,
                 AllOf(HasSubstr("The change of the network cannot be allowed"),
                       HasSubstr("(batch_normalization/beta is (8) there, (16) now, and 7 more)")));
  expect_refusal(place, {"evaluate", "changed.yaml", "data.path=data.h5", "--checkpoint", other}, 65,
                 HasSubstr("does not fit the network"));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(DataOfRanks, ThatDifferAreNamedBeforeTraining) {
  const Workplace place(96);
  const Workplace other(90);
  for (const char* folder : {"rank0", "rank1"}) std::filesystem::create_directory(place.path(folder));
  std::filesystem::copy(place.path("data.h5"), place.path("rank0/data.h5"));
  std::filesystem::copy(other.path("data.h5"), place.path("rank1/data.h5"));

  const Outcome outcome =
      place.shell("$MPIRUN -n 2 sh -c 'cd rank$OMPI_COMM_WORLD_RANK && exec \"$ANNULUS\" train " +
                  source_dir() + "/configs/smoke.yaml data.path=data.h5 data.resident_mb=0 --run ../run'");

  EXPECT_EQ(outcome.code, 65) << outcome.output;
  EXPECT_THAT(
      outcome.output,
      ContainsRegex(
          "error: the ranks do not see the same data in data.h5: rank 0 on host .* finds 96 samples .*, rank 1 on host .* finds 90 samples"));
  EXPECT_FALSE(std::filesystem::exists(place.path("run")));
}

TEST(StandardStreams, MayBeClosed) {
  const Workplace place(330);
  const std::string smoke = source_dir() + "/configs/smoke.yaml";

  const Outcome closed =
      place.shell("\"$ANNULUS\" train " + smoke + " data.path=data.h5 epochs=2 --run run <&- >&- 2>&-");
  const Outcome found = place.shell("grep -rl --exclude-dir=logs 'epoch 1/2: loss' run");

  EXPECT_EQ(closed.code, 0);
  EXPECT_THAT(found.output, IsEmpty()) << "a message ended up in a file";
}

}  // namespace
}  // namespace annulus::test
