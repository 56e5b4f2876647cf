// The metric files: what they say, and what a resumed run keeps of them.
#include "trainer/run/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class MetricsWriterTest : public testing::Test {
 protected:
  std::vector<std::string> lines(const std::string& name) const {
    std::istringstream text(read_file(directory / name));
    std::vector<std::string> result;
    for (std::string line; std::getline(text, line);) result.push_back(line);
    return result;
  }
  int event_files() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
      count += entry.path().filename().string().starts_with("events.out.tfevents.") ? 1 : 0;
    return count;
  }

  TemporaryDirectory directory;
};

constexpr std::uint64_t kStepsPerEpoch = 10;

const EpochRow kRow{.at = {.step = 10, .epoch = 1},
                    .loss = 1.5,
                    .accuracy = 0.25,
                    .validation_loss = 1.25,
                    .validation_accuracy = 0.5,
                    .learning_rate = 0.01,
                    .images_per_second = 1000,
                    .seconds = 2};

TEST_F(MetricsWriterTest, WritesOneObjectALine) {
  MetricsWriter writer(directory.path(), 0, kStepsPerEpoch);

  writer.step({.step = 1, .epoch = 1}, {{"loss", 0.1}, {"samples", std::uint64_t{128}}});
  writer.evaluation({.step = 10, .epoch = 1}, "validation",
                    {{"accuracy", 0.5}, {"index_xor", std::numeric_limits<std::uint64_t>::max()}});
  writer.event({.step = 10, .epoch = 1}, "stopped \"on\" request");
  writer.event({.step = 10, .epoch = 1}, "slow", {{"seconds", 0.5}});

  const auto got = lines("metrics.jsonl");
  ASSERT_EQ(got.size(), 4u);
  EXPECT_THAT(got[0], AllOf(StartsWith(R"({"kind":"step","step":1,"epoch":1,"time":)"),
                            HasSubstr(R"("loss":0.1,"samples":128})")));
  EXPECT_THAT(got[1], HasSubstr(R"("split":"validation","accuracy":0.5,"index_xor":18446744073709551615})"));
  EXPECT_THAT(got[2], AllOf(StartsWith(R"({"kind":"event","step":10)"),
                            HasSubstr(R"("text":"stopped \"on\" request"})")));
  EXPECT_THAT(got[3], HasSubstr(R"("text":"slow","seconds":0.5})"));
}

TEST_F(MetricsWriterTest, WritesNullForWhatJsonCannotSay) {
  MetricsWriter writer(directory.path(), 0, kStepsPerEpoch);

  writer.step({.step = 1, .epoch = 1}, {{"loss", std::nan("")}});

  EXPECT_THAT(lines("metrics.jsonl")[0], HasSubstr(R"("loss":null)"));
}

TEST_F(MetricsWriterTest, WritesARowAnEpoch) {
  MetricsWriter writer(directory.path(), 0, kStepsPerEpoch);

  writer.epoch(kRow);
  EpochRow second = kRow;
  second.at = {.step = 20, .epoch = 2};
  second.validation_loss = std::nullopt;
  second.validation_accuracy = std::nullopt;
  second.read = io::ReadCounts{.read_bytes = (std::uint64_t{1} << 60) + 1, .chunks_unpacked = 7};
  writer.epoch(second);

  EXPECT_THAT(
      lines("metrics.csv"),
      testing::ElementsAre(
          "epoch,step,loss,accuracy,validation_loss,validation_accuracy,learning_rate,images_per_second,seconds",
          "1,10,1.5,0.25,1.25,0.5,0.01,1000,2", "2,20,1.5,0.25,,,0.01,1000,2"));
  EXPECT_THAT(lines("metrics.jsonl")[1],
              AllOf(HasSubstr(R"("kind":"epoch","step":20)"), Not(HasSubstr("validation")),
                    HasSubstr(R"("seconds":2.0,"read_bytes":1152921504606846977,"chunks_unpacked":7})")));
  EXPECT_THAT(lines("metrics.jsonl")[0], Not(HasSubstr("read_bytes"))) << "of data that lie in memory";
}

TEST_F(MetricsWriterTest, TopAccuraciesHaveTheirNumberInTheirNames) {
  MetricsWriter writer(directory.path(), 0, kStepsPerEpoch);
  EpochRow row = kRow;
  row.top = TopAccuracy{5, 0.75};
  row.validation_top = TopAccuracy{5, 0.875};

  writer.epoch(row);

  EXPECT_THAT(lines("metrics.jsonl")[0], AllOf(HasSubstr(R"("accuracy":0.25,"top_5_accuracy":0.75)"),
                                               HasSubstr(R"("validation_top_5_accuracy":0.875)")));
  EXPECT_EQ(lines("metrics.csv")[1], "1,10,1.5,0.25,1.25,0.5,0.01,1000,2") << "its columns stay";
}

TEST_F(MetricsWriterTest, ResumeDropsWhatIsNewerAndGoesOn) {
  {
    MetricsWriter writer(directory.path(), 0, kStepsPerEpoch);
    writer.event({}, "started");
    for (std::uint64_t step = 1; step <= 25; ++step) writer.step({.step = step, .epoch = 1}, {{"loss", 1.0}});
    writer.epoch(kRow);
    EpochRow second = kRow;
    second.at = {.step = 20, .epoch = 2};
    writer.epoch(second);
  }

  MetricsWriter writer(directory.path(), 15, kStepsPerEpoch);
  writer.step({.step = 16, .epoch = 2}, {{"loss", 2.0}});

  const auto json = lines("metrics.jsonl");
  ASSERT_EQ(json.size(), 1 + 15 + 1 + 1u);  // started, steps to 15, the first epoch, the new step
  EXPECT_THAT(json.back(), AllOf(HasSubstr(R"("step":16)"), HasSubstr(R"("loss":2.0)")));
  EXPECT_EQ(lines("metrics.csv").size(), 2u);
  EXPECT_EQ(event_files(), 2);
}

TEST_F(MetricsWriterTest, ResumeDropsTornLinesAndSaysSo) {
  write_file(directory / "metrics.jsonl", "{\"kind\":\"step\",\"step\":1}\n{\"kind\":\"step\",\"st");
  write_file(directory / "metrics.csv", "epoch,step\n0,10,1.5");

  testing::internal::CaptureStderr();
  const MetricsWriter writer(directory.path(), 100, kStepsPerEpoch);
  const std::string said = testing::internal::GetCapturedStderr();

  EXPECT_EQ(lines("metrics.jsonl").size(), 1u);
  EXPECT_EQ(lines("metrics.csv").size(), 1u);
  EXPECT_THAT(said, AllOf(HasSubstr("metrics.jsonl: 1 line(s)"), HasSubstr("metrics.csv: 2 line(s)")));
}

TEST_F(MetricsWriterTest, NamesADirectoryThatIsMissing) {
  EXPECT_THAT(message_of<RuntimeError>([&] { MetricsWriter(directory / "gone", 0, kStepsPerEpoch); }),
              HasSubstr("gone"));
}

/// Runs in a process of its own: no file may grow beyond a few steps, as on a full disk.
void write_with_little_space(const std::string& directory) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = 4096, .rlim_max = 4096};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const std::string message = message_of<RuntimeError>([&] {
    MetricsWriter writer(directory, 0, kStepsPerEpoch);
    for (std::uint64_t step = 1; step < 1000; ++step)
      writer.step({.step = step, .epoch = 1}, {{"loss", 1.0}});
  });
  std::fprintf(stderr, "%s\n", message.c_str());
  std::_Exit(message.empty() ? 1 : 0);
}

TEST_F(MetricsWriterTest, SaysWhenTheDiskIsFull) {
  EXPECT_EXIT(write_with_little_space(directory.path()), testing::ExitedWithCode(0),
              "metrics.jsonl: cannot be written .File too large.*--resume auto");
}

}  // namespace
}  // namespace annulus::trainer
