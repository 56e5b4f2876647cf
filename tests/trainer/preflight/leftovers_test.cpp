// What is left of killed jobs, told from what is in use.
#include "trainer/preflight/leftovers.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LeftoversTest : public testing::Test {
 protected:
  LeftoversTest() {
    for (const char* folder :
         {"shm", "tmp/ompi.n1.0/pid.100/0", "tmp/ompi.n1.0/pid.200/0", "tmp/other/pid.300", "proc/200"})
      std::filesystem::create_directories(folder_ / folder);
    for (const char* file :
         {"shm/vader_segment.n1.0.aa.0", "shm/vader_segment.n1.0.bb.0", "shm/somebody-elses"})
      write_file(folder_ / file, std::string(1 << 16, 'x'));
  }
  /// A process that has mapped a segment.
  void map(const std::string& segment) const {
    struct stat status {};
    ASSERT_EQ(stat((folder_ / ("shm/" + segment)).c_str(), &status), 0);
    write_file(folder_ / "proc/200/maps",
               "55d0-55d1 r--p 00000000 fd:01 77                         /usr/bin/annulus\n"
               "7f00-7f01 rw-s 00000000 00:19 " +
                   std::to_string(status.st_ino) + "      /dev/shm/" + segment + "\n");
  }
  Finding find() const { return find_leftovers({folder_ / "shm", folder_ / "tmp", folder_ / "proc"}); }

  TemporaryDirectory folder_;
};

TEST_F(LeftoversTest, AreNamedAndWhatIsInUseIsNot) {
  map("vader_segment.n1.0.bb.0");

  const Finding finding = find();

  EXPECT_EQ(finding.grade, Grade::warning);
  EXPECT_THAT(finding.text,
              AllOf(HasSubstr("0.1 MB"), HasSubstr("vader_segment.n1.0.aa.0"), HasSubstr("ompi.n1.0/pid.100"),
                    Not(HasSubstr("vader_segment.n1.0.bb.0")), Not(HasSubstr("pid.200")),
                    Not(HasSubstr("pid.300")), Not(HasSubstr("somebody"))));
}

TEST_F(LeftoversTest, NoneAreFine) {
  map("vader_segment.n1.0.bb.0");
  std::filesystem::remove(folder_ / "shm/vader_segment.n1.0.aa.0");
  std::filesystem::remove_all(folder_ / "tmp/ompi.n1.0/pid.100");

  EXPECT_EQ(find().grade, Grade::good);
}

}  // namespace
}  // namespace annulus::trainer
