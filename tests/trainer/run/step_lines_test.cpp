// Files that are cut back to a step: long ones without being read, and nothing is ever missing of what stays.
#include "trainer/run/step_lines.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string line_of(std::uint64_t step, std::size_t length = 0) {
  return fmt::format("{{\"kind\":\"step\",\"step\":{},\"text\":\"{}\"}}\n", step, std::string(length, 'x'));
}

class StepLines : public testing::Test {
 protected:
  void cut(std::uint64_t step, LaterLines later = LaterLines::dropped) {
    drop_later(path_, {.last_step = step, .step_of = step_of_json, .later = later});
  }
  std::string text() const { return read_file(path_); }

  /// Lines of the steps 1 to `last`, some of which are longer than what is read at once.
  std::string write(std::uint64_t last, std::size_t length) {
    std::string all;
    for (std::uint64_t step = 1; step <= last; ++step) all += line_of(step, step % 7 == 0 ? length : 100);
    write_file(path_, all);
    return all;
  }
  static std::string until(const std::string& all, std::uint64_t step) {
    return all.substr(0, all.find(fmt::format("{{\"kind\":\"step\",\"step\":{},", step + 1)));
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "lines.jsonl";
};

TEST_F(StepLines, AFileThatIsNotThereIsMade) {
  cut(5);
  EXPECT_TRUE(fs::exists(path_));
  EXPECT_EQ(text(), "");
}

TEST_F(StepLines, AreCutAtAnyStepOfALongFile) {
  constexpr std::uint64_t kLast = 60;
  for (const std::uint64_t step : {0, 1, 13, 14, 20, 59, 60, 99}) {
    const std::string all = write(kLast, 700'000);

    cut(step);

    EXPECT_EQ(text(), step >= kLast ? all : until(all, step)) << step;
  }
}

TEST_F(StepLines, ALineLongerThanABlockIsFoundFromTheEnd) {
  const std::string all = line_of(1) + line_of(2, 5'000'000) + line_of(3);
  write_file(path_, all);

  cut(2);

  EXPECT_EQ(text(), line_of(1) + line_of(2, 5'000'000));
}

TEST_F(StepLines, WhatLiesFarFromTheEndIsNotRead) {
  const std::string all = "damaged long ago\n" + line_of(1, 3'000'000) + line_of(2, 3'000'000);
  write_file(path_, all + line_of(3));

  testing::internal::CaptureStderr();
  cut(2);

  EXPECT_EQ(text(), all);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(StepLines, WhatStaysBehindALaterLineStays) {
  write_file(path_, line_of(1) + line_of(9) + line_of(2) + "half a li\n" + line_of(3));

  testing::internal::CaptureStderr();
  cut(3);

  EXPECT_EQ(text(), line_of(1) + line_of(2) + line_of(3));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("1 line(s) could not be read"));
}

TEST_F(StepLines, AWholeLineWithoutItsEndGetsOne) {
  write_file(path_, line_of(1) + line_of(2));
  fs::resize_file(path_, fs::file_size(path_) - 1);

  cut(2);

  EXPECT_EQ(text(), line_of(1) + line_of(2));
}

TEST_F(StepLines, ACopyThatSharesTheBytesStaysAsItIs) {
  const std::string all = line_of(1) + line_of(2);
  write_file(path_, all);
  const std::string copy = directory_ / "copy.jsonl";
  fs::create_hard_link(path_, copy);

  cut(1);

  EXPECT_EQ(text(), line_of(1));
  EXPECT_EQ(read_file(copy), all);
}

TEST_F(StepLines, NothingIsWrittenThroughALink) {
  const std::string target = directory_ / "precious";
  write_file(target, line_of(1));
  fs::create_symlink(target, path_);

  cut(1);
  append_line(*std::make_unique<std::ofstream>(open_to_append(path_)), path_, "more");

  EXPECT_EQ(read_file(target), line_of(1));
  EXPECT_EQ(text(), line_of(1) + "more\n");
}

TEST_F(StepLines, GoingBackKeepsWhatIsCutOff) {
  const std::string all = write(60, 700'000);

  cut(20, LaterLines::set_aside);
  EXPECT_EQ(text(), until(all, 20));
  EXPECT_EQ(read_file(path_ + ".set-aside"), all.substr(text().size()));

  cut(20, LaterLines::set_aside);
  EXPECT_FALSE(fs::exists(path_ + ".set-aside-2")) << "there was nothing to keep";

  write_file(path_, all);
  cut(0, LaterLines::set_aside);
  EXPECT_EQ(read_file(path_ + ".set-aside-2"), all);
}

TEST_F(StepLines, WithAHeaderKeepItFirst) {
  const auto step_of = [](const std::string& line) -> std::optional<std::uint64_t> {
    if (line.empty() || line[0] < '0' || line[0] > '9') return std::nullopt;
    return std::stoull(line);
  };
  const auto cut_rows = [&](std::uint64_t step, LaterLines later) {
    drop_later(path_, {.last_step = step, .step_of = step_of, .header = "step", .later = later});
  };
  cut_rows(5, LaterLines::dropped);
  EXPECT_EQ(text(), "step\n");

  write_file(path_, "step\n1\n2\n3\n");
  cut_rows(2, LaterLines::set_aside);
  EXPECT_EQ(text(), "step\n1\n2\n");
  EXPECT_EQ(read_file(path_ + ".set-aside"), "step\n3\n");

  write_file(path_, "1\n2\n");  // of a version that wrote none
  cut_rows(1, LaterLines::dropped);
  EXPECT_EQ(text(), "step\n1\n");
}

TEST_F(StepLines, ALineThatNoRunWritesIsNamed) {
  write_file(path_, std::string(std::size_t{40} << 20, 'x'));
  EXPECT_THAT(message_of<DataError>([&] { cut(1); }), HasSubstr("more than 16 MB"));
}

}  // namespace
}  // namespace annulus::trainer
