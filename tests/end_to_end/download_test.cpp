// jobs/download.sh, by which the quickstart gets its data: interrupted, resumed, fed with wrong bytes,
// offline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/end_to_end/http_server.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// seq 0 39999 | md5sum, which is what numbers() returns
constexpr const char* kChecksum = "b4054f1286b51100db4c3654118a51ba";

class Download : public testing::Test {
 protected:
  /// Downloads into `target` what shall be `content_`.
  Outcome download(const std::string& url) const {
    // A proxy is for the world outside.
    return place_.shell("export no_proxy=127.0.0.1; " + source_dir() + "/jobs/download.sh " + url + ' ' +
                        kChecksum + " \"$PWD/folder/target\"");
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(place_.path(name).parent_path());
    std::ofstream(place_.path(name), std::ios::binary) << text;
  }

  /// Content of a file, or "(none)".
  std::string read(const std::string& name) const {
    std::ifstream file(place_.path(name), std::ios::binary);
    if (!file) return "(none)";
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  static std::string numbers() {
    std::string text;
    for (int k = 0; k < 40000; ++k) text += std::to_string(k) + '\n';
    return text;
  }

  const std::string content_ = numbers();
  const Workplace place_{3};
};

TEST_F(Download, LeavesTheWholeFileAndNothingElse) {
  const HttpServer server(content_, Manners::good);

  const Outcome outcome = download(server.url());

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(read("folder/target") == content_);
  EXPECT_EQ(read("folder/target.part"), "(none)");
}

TEST_F(Download, GoesOnWhereItWasInterrupted) {
  const HttpServer bad(content_, Manners::cuts_off);
  const HttpServer good(content_, Manners::good);

  const Outcome first = download(bad.url());
  const std::string target_between = read("folder/target");
  const Outcome second = download(good.url());

  EXPECT_EQ(first.code, 1);
  EXPECT_THAT(first.output, HasSubstr("did not work (curl says why above). Start again to continue it"));
  EXPECT_EQ(target_between, "(none)");
  EXPECT_EQ(second.code, 0) << second.output;
  EXPECT_THAT(good.requested_offsets(), ElementsAre(content_.size() / 2));
  EXPECT_TRUE(read("folder/target") == content_);
}

TEST_F(Download, BeginsAgainAtAServerThatCannotContinue) {
  write("folder/target.part", content_.substr(0, 1000));
  const HttpServer server(content_, Manners::no_ranges);

  const Outcome outcome = download(server.url());

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("the download begins again"));
  EXPECT_TRUE(read("folder/target") == content_);
}

TEST_F(Download, OfAWholePartNeedsNoServer) {
  write("folder/target.part", content_);
  const HttpServer server("something else", Manners::good);

  const Outcome outcome = download(server.url());

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(server.requested_offsets(), IsEmpty());
  EXPECT_TRUE(read("folder/target") == content_);
}

TEST_F(Download, DeletesWrongBytes) {
  const HttpServer server(std::string(content_.size(), 'x'), Manners::good);

  const Outcome outcome = download(server.url());

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr(server.url() + " has not the checksum"), HasSubstr("deleted")));
  EXPECT_EQ(read("folder/target"), "(none)");
  EXPECT_EQ(read("folder/target.part"), "(none)") << "the next start would continue wrong bytes";
}

TEST_F(Download, BeginsAgainWithAWrongWholePart) {
  write("folder/target.part", std::string(content_.size(), 'x'));
  const HttpServer server(content_, Manners::good);

  const Outcome outcome = download(server.url());

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("the download begins again"));
  EXPECT_TRUE(read("folder/target") == content_);
}

TEST_F(Download, SaysWhenTheFileOrTheServerIsNotThere) {
  std::string nobody_listens;
  {
    const HttpServer closed(content_, Manners::good);
    nobody_listens = closed.url();
  }
  const HttpServer empty(content_, Manners::not_found);

  const Outcome offline = download(nobody_listens);
  const Outcome missing = download(empty.url());

  EXPECT_EQ(offline.code, 1);
  EXPECT_THAT(offline.output, AllOf(HasSubstr("connect"), HasSubstr("error: the download did not work")));
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.output, AllOf(HasSubstr("404"), HasSubstr("error: the download did not work")));
  EXPECT_EQ(read("folder/target"), "(none)");
}

}  // namespace
}  // namespace annulus::test
