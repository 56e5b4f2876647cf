// A checkpoint is read back before it gets its name: what lies on the disk must be the state that was hashed.
#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>

#include "io/files/durable_file.hpp"
#include "tests/support/recorded_syncs.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/run/checkpoint.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr float kKnown = 1234.5f;  // stands nowhere else in the file

/// Another value for kKnown, under a seal that fits: what a disk does that keeps wrong bits and says so
/// nowhere.
void change_and_seal(const fs::path& path) {
  std::string contents = read_file(path.string());
  contents.resize(contents.rfind("\nannulus-seal"));
  std::string bytes(sizeof kKnown, '\0');
  std::memcpy(bytes.data(), &kKnown, sizeof kKnown);
  const std::size_t place = contents.find(bytes);
  ASSERT_NE(place, std::string::npos);
  contents[place] = static_cast<char>(contents[place] ^ 1);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
  io::seal_file(path);
}

TEST(CheckpointReadBack, FindsAStateThatIsNotTheOneThatWasWritten) {
  const TemporaryDirectory directory;
  const std::string path = directory / "step-000000001.h5";
  FakeReplica replica;
  fill_trainable(replica, replica.parameters(), 1);
  replica.parameters()[0] = kKnown;
  Optimizer optimizer({}, replica.network(), replica.layout());
  bool changed = false;
  const test::RecordedSyncs syncs([&](const fs::path& synced) {
    if (synced.filename() != "step-000000001.h5.partial" || std::exchange(changed, true)) return;
    change_and_seal(synced);
  });

  EXPECT_THAT(message_of<RuntimeError>([&] { write_checkpoint(path, {.step = 1}, replica, optimizer); }),
              AllOf(HasSubstr("was not written"), HasSubstr("read back, the state has the hash"),
                    HasSubstr("Is the disk failing?")));
  EXPECT_TRUE(changed);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), {}), 0) << "nothing of it stays";
}

TEST(CheckpointReadBack, IsSilentWhereAllIsWell) {
  const TemporaryDirectory directory;
  const std::string path = directory / "step-000000001.h5";
  FakeReplica replica;
  Optimizer optimizer({}, replica.network(), replica.layout());
  std::vector<std::string> synced;
  const test::RecordedSyncs syncs([&](const fs::path& what) { synced.push_back(what.filename()); });

  write_checkpoint(path, {.step = 1}, replica, optimizer);

  // Once before it is read back, so that the disk answers, and once before it gets its name.
  EXPECT_EQ(std::ranges::count(synced, "step-000000001.h5.partial"), 2);
  EXPECT_EQ(read_checkpoint_info(path).step, 1u);
}

}  // namespace
}  // namespace annulus::trainer
