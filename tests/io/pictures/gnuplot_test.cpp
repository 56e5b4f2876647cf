// Pictures by gnuplot: what is drawn, and what is said when it cannot be.
#include "io/pictures/gnuplot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class GnuplotPicture : public testing::Test {
 protected:
  GnuplotPicture() { fs::create_directories(folder_); }
  ~GnuplotPicture() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static Gnuplot line() {
    Gnuplot plot({.width = 400, .height = 300});
    const std::vector<std::vector<double>> rows{{1, 2}, {2, 3}, {}, {3, NAN}, {4, 1}};
    plot.data("points", rows);
    plot.script("plot $points using 1:2 with linespoints title 'two pieces'");
    return plot;
  }

  static std::string contents(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("gnuplot_" + std::to_string(getpid()) + "_" +
                                      testing::UnitTest::GetInstance()->current_test_info()->name());
};

template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(GnuplotPicture, EndOfTheNameSaysWhichKind) {
  line().draw(path("line.svg"), Existing::refuse);
  line().draw(path("line.png"), Existing::refuse);

  EXPECT_THAT(contents(path("line.svg")),
              AllOf(StartsWith("<?xml"), HasSubstr("width=\"400\" height=\"300\""), HasSubstr("two pieces"),
                    HasSubstr("</svg>")));
  EXPECT_THAT(contents(path("line.png")), StartsWith("\x89PNG\r\n\x1a\n"));
  EXPECT_GT(fs::file_size(path("line.png")), 1000u);
  EXPECT_THAT(message_of([&] { line().draw(path("line.pdf"), Existing::refuse); }),
              AllOf(HasSubstr("line.pdf"), HasSubstr(".svg or .png")));
}

TEST_F(GnuplotPicture, TextOfUsersMeansNothing) {
  Gnuplot plot({});
  const std::string theft = "`touch " + path("stolen") + "`";
  const std::string text = "it's " + theft + "\n\"$(x)\" \\ {/a_b}";
  plot.script("set title " + gnuplot_text(text));
  plot.script("plot sin(x)");

  plot.draw(path("a name's `touch stolen`.svg"), Existing::refuse);

  EXPECT_THAT(contents(path("a name's `touch stolen`.svg")),
              HasSubstr("it's " + theft + " \"$(x)\" \\ {/a_b}"));
  EXPECT_FALSE(fs::exists(path("stolen")));
}

TEST_F(GnuplotPicture, WrongScriptsLeaveNoPicture) {
  Gnuplot plot({});
  plot.script("plot $nothing using 1:2");

  EXPECT_THAT(message_of([&] { plot.draw(path("wrong.svg"), Existing::refuse); }),
              AllOf(HasSubstr("gnuplot failed (exit code 1)"), HasSubstr("$nothing")));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(GnuplotPicture, ExistingOnesAreReplacedOnlyOnRequest) {
  std::ofstream(path("line.svg")) << "mine";

  EXPECT_THAT(message_of([&] { line().draw(path("line.svg"), Existing::refuse); }),
              HasSubstr("exists already"));
  EXPECT_EQ(contents(path("line.svg")), "mine");
  line().draw(path("line.svg"), Existing::replace);
  EXPECT_THAT(contents(path("line.svg")), StartsWith("<?xml"));
}

TEST_F(GnuplotPicture, FoldersMustExist) {
  EXPECT_THAT(message_of([&] { check_picture(path("no/line.svg"), Existing::refuse); }),
              AllOf(HasSubstr("does not exist"), HasSubstr("mkdir -p")));
  EXPECT_EQ(message_of([&] { check_picture(path("line.svg"), Existing::refuse); }), "no error");
}

TEST_F(GnuplotPicture, MissingProgramIsNamedWithItsPackage) {
  const std::string old_path = std::getenv("PATH");
  ASSERT_EQ(::setenv("PATH", folder_.c_str(), 1), 0);
  const std::string message = message_of([&] { line().draw(path("line.svg"), Existing::refuse); });
  ASSERT_EQ(::setenv("PATH", old_path.c_str(), 1), 0);

  EXPECT_THAT(message, AllOf(HasSubstr("gnuplot is not installed"), HasSubstr("gnuplot-nox")));
  EXPECT_FALSE(fs::exists(path("line.svg")));
}

TEST_F(GnuplotPicture, ProgramsThatDrawNothingAreNoticed) {
  Gnuplot plot({});
  plot.script("print 'said'");

  EXPECT_THAT(message_of([&] { plot.draw(path("empty.svg"), Existing::refuse); }),
              Not(HasSubstr("no error")));
}

}  // namespace
}  // namespace annulus::io
