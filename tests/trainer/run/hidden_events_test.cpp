// A run that goes on hides what TensorBoard knows of later steps, not of the step that it goes on from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/metrics.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;

TEST(HiddenEvents, BeginWithTheNextStep) {
  const TemporaryDirectory directory;
  { const MetricsWriter writer(directory.path(), 15, 10); }

  std::string events;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    if (entry.path().filename().string().starts_with("events.out.tfevents."))
      events += read_file(entry.path());

  // An Event of step (field 2) 16 with a SessionLog (field 7) of status (field 1) START: TensorBoard drops
  // what earlier files say of that step and later ones.
  EXPECT_THAT(events, HasSubstr("\x10\x10\x3A\x02\x08\x01"));
}

}  // namespace
}  // namespace annulus::trainer
