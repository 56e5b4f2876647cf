// Time limits, job arrays and quoting, against the manual page of sbatch.
#include "trainer/slurm/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using testing::ElementsAre;

TEST(SlurmTime, EveryForm) {
  EXPECT_EQ(parse_slurm_time("90"), 90U * 60);
  EXPECT_EQ(parse_slurm_time("90:30"), 90U * 60 + 30);
  EXPECT_EQ(parse_slurm_time("8:00:00"), 8U * 3600);
  EXPECT_EQ(parse_slurm_time("2-12"), 60U * 3600);
  EXPECT_EQ(parse_slurm_time("2-12:30"), 60U * 3600 + 30 * 60);
  EXPECT_EQ(parse_slurm_time("2-12:30:15"), 60U * 3600 + 30 * 60 + 15);
}

TEST(SlurmTime, RefusesEverythingElse) {
  for (const char* text :
       {"", "8h", "1:2:3:4", "-5", "1-", "8:000:00", "UNLIMITED", "99999999999", " 5", "5\n"})
    EXPECT_THROW(parse_slurm_time(text), UsageError) << text;
}

TEST(JobArray, ListsItsTasks) {
  EXPECT_THAT(parse_job_array("1-4"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(parse_job_array("0-12:4"), ElementsAre(0, 4, 8, 12));
  EXPECT_THAT(parse_job_array("7-9,1,3%2"), ElementsAre(1, 3, 7, 8, 9));
}

TEST(JobArray, RefusesEverythingElse) {
  for (const char* text :
       {"", "4-1", "1,", "1-2-3", "a", "1-4%0", "1-4%", "0-8:0", "1-400000", "0-999999999"})
    EXPECT_THROW(parse_job_array(text), UsageError) << text;
}

TEST(SbatchValue, IsQuotedWhereItMustBe) {
  EXPECT_EQ(sbatch_value("B:USR1@120"), "B:USR1@120");
  EXPECT_EQ(sbatch_value("/data/my runs"), "\"/data/my runs\"");
  for (const char* text : {"", "a\nb", "a\"b", "a#b", "a'b"})
    EXPECT_THROW(sbatch_value(text), UsageError) << text;
}

TEST(ShellWord, SaysTheSameToBash) {
  EXPECT_EQ(shell_word("configs/a.yaml"), "configs/a.yaml");
  EXPECT_EQ(shell_word("augmentation.zoom_range=[0.9, 1.1]"), "'augmentation.zoom_range=[0.9, 1.1]'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("~$HOME"), "'~$HOME'");
}

}  // namespace
}  // namespace annulus::trainer
