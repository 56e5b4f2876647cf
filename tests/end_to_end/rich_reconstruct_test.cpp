// annulus rich reconstruct as its users call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void simulate(const Workplace& place, const std::string& output) {
  const Outcome outcome =
      place.run({"rich", "simulate", "tracks=8", "--events", "40", "--seed", "2", "--output", output});
  ASSERT_EQ(outcome.code, 0) << outcome.output;
}

std::vector<float> dlls(const Workplace& place, const std::string& file) {
  return io::Hdf5File::open(place.path(file)).read<float>("reconstruction/dll");
}

TEST(RichReconstruct, RanksAndThreadsDoNotShowInTheResult) {
  const Workplace place(12);
  simulate(place, "events.h5");
  std::filesystem::copy_file(place.path("events.h5"), place.path("copy.h5"));

  const Outcome alone = place.run({"rich", "reconstruct", "events.h5", "--threads", "1"});
  const Outcome three = place.run({"rich", "reconstruct", "copy.h5", "--threads", "2"}, 3);

  ASSERT_EQ(alone.code, 0) << alone.output;
  ASSERT_EQ(three.code, 0) << three.output;
  EXPECT_THAT(alone.output, AllOf(HasSubstr("global likelihood"), HasSubstr("pion"), HasSubstr("events/s")));
  EXPECT_EQ(dlls(place, "events.h5"), dlls(place, "copy.h5"));
}

TEST(RichReconstruct, LocalLikelihoodReplacesTheGlobalOne) {
  const Workplace place(12);
  simulate(place, "events.h5");
  ASSERT_EQ(place.run({"rich", "reconstruct", "events.h5"}).code, 0);
  const std::vector<float> global = dlls(place, "events.h5");

  const Outcome local = place.run({"rich", "reconstruct", "events.h5", "--local"});

  EXPECT_EQ(local.code, 0) << local.output;
  EXPECT_THAT(local.output, HasSubstr("local likelihood"));
  EXPECT_NE(dlls(place, "events.h5"), global);
}

TEST(RichReconstruct, BadFilesAreNamedAndLeftAsTheyAre) {
  const Workplace place(12);
  simulate(place, "events.h5");
  std::filesystem::copy_file(place.path("events.h5"), place.path("cut.h5"));
  std::filesystem::resize_file(place.path("cut.h5"), std::filesystem::file_size(place.path("cut.h5")) / 2);
  {
    io::Hdf5File other = io::Hdf5File::create(place.path("other.h5"));
    other.set_attribute("/", "schema", "annulus-dataset-1");
    other.close();
    std::filesystem::copy_file(place.path("events.h5"), place.path("negative.h5"));
    io::Hdf5File negative = io::Hdf5File::open_to_change(place.path("negative.h5"));
    const std::vector<float> wrong{-3};
    negative.dataset("tracks/momentum").write_rows(1, 1, std::span<const float>(wrong));
    negative.close();
  }

  const Outcome missing = place.run({"rich", "reconstruct", "missing.h5"});
  const Outcome cut = place.run({"rich", "reconstruct", "cut.h5"});
  const Outcome other = place.run({"rich", "reconstruct", "other.h5"}, 2);
  const Outcome negative = place.run({"rich", "reconstruct", "negative.h5"});

  for (const Outcome& outcome : {missing, cut, other, negative})
    EXPECT_EQ(outcome.code, 65) << outcome.output;
  EXPECT_THAT(missing.output, HasSubstr("missing.h5: no such file"));
  EXPECT_THAT(cut.output, HasSubstr("cut.h5"));
  EXPECT_THAT(other.output, HasSubstr("annulus rich simulate"));
  EXPECT_THAT(negative.output, AllOf(HasSubstr("tracks/momentum: row 1 is -3"), HasSubstr("above zero")));
  EXPECT_FALSE(io::Hdf5File::open(place.path("negative.h5")).exists("reconstruction"));
  EXPECT_FALSE(std::filesystem::exists(place.path("negative.h5.partial")));
}

}  // namespace
}  // namespace annulus::test
