// A file that is written to while a training streams it: the run ends on all ranks, with a sentence that
// names the file, before anything is saved that was learnt from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Writes the last byte of a file again.
void write_in_place(const std::filesystem::path& path) {
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(size - 1);
  const auto last = static_cast<char>(file.get());
  file.seekp(size - 1);
  file.put(last);
}

TEST(RewrittenData, EndsAStreamingTrainingOnAllRanks) {
  for (const int ranks : {0, 2}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks");
    const Workplace place;
    Process training =
        place.start(place.training("run", {"data.resident_mb=0", "epochs=100000",
                                           "optimizer.learning_rate=1e-6", "checkpoint.every_epochs=0"}),
                    ranks);
    ASSERT_TRUE(place.has_started("run"));

    write_in_place(place.path("data.h5"));
    const Outcome outcome = training.wait();

    EXPECT_EQ(outcome.code, 65) << outcome.output;
    EXPECT_THAT(outcome.output, AllOf(testing::ContainsRegex(  // whoever sees it first says so
                                          "error: (rank 1: )?data.h5: was written to while it is being read"),
                                      Not(HasSubstr("MPI_ABORT"))));
    EXPECT_THAT(place.left_behind(), IsEmpty());
  }
}

TEST(RewrittenData, AFileInMemoryMayChange) {
  const Workplace place;
  Process training = place.start(place.training("run", {"epochs=30"}));
  ASSERT_TRUE(place.has_started("run"));

  write_in_place(place.path("data.h5"));

  EXPECT_EQ(training.wait().code, 0);
}

}  // namespace
}  // namespace annulus::test
