// Imports in parts and by several ranks give what one gives alone, and one that was killed goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <csignal>
#include <filesystem>
#include <thread>

#include "io/dataset/parts.hpp"
#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "tests/io/import/flat_pictures.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kPictures = 2100;  // three blocks of decoded pictures

std::string picture_name(int i) { return fmt::format("{}/{:04}.png", i % 3 == 0 ? "cat" : "dog", i); }

/// Pictures of two classes, of which some differ.
NamedFiles many_pictures() {
  std::vector<std::string> kinds;
  for (int value = 0; value < 16; ++value) kinds.push_back(flat_png(static_cast<std::uint8_t>(value)));
  NamedFiles files;
  for (int i = 0; i < kPictures; ++i)
    files.emplace_back(picture_name(i), kinds[static_cast<std::size_t>(i) % 16]);
  return files;
}

std::string folder_of_pictures() {
  const std::string folder = fresh_path("pictures");
  for (const auto& [name, contents] : many_pictures()) write_text(folder + "/" + name, contents);
  return folder;
}

/// Contents of all files beside an output, which are to be its parts alone.
std::vector<std::string> outputs(const std::string& output) {
  std::vector<std::string> contents;
  std::size_t files = 0;
  for (const std::string& path : parts_beside(output)) contents.push_back(file_text(path));
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(fs::path(output).parent_path())) ++files;
  if (contents.empty()) contents.push_back(file_text(output));
  EXPECT_EQ(files, contents.size()) << "nothing else is left";
  return contents;
}

/// Runs an import in a process of its own, which kills itself when it reports progress for the nth time.
/// @return whether it came to its end
bool imported_until(const ImportOptions& options, int reports) {
  const pid_t child = ::fork();
  if (child == 0) {
    int seen = 0;
    const auto progress = [&](const ImportProgress&) {
      if (++seen == reports) static_cast<void>(::kill(::getpid(), SIGKILL));
    };
    const std::string error = error_of([&] { import_images(options, {}, progress); });
    ::_exit(error.empty() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 0) || WIFSIGNALED(status));
  return WIFEXITED(status);
}

TEST(UnfinishedImport, KilledAnywhereGivesTheSameInTheEnd) {
  const std::string source = folder_of_pictures();
  for (const Sharding sharding : {Sharding{}, Sharding{.files = 3}}) {
    const std::string whole = fresh_path("pictures.h5");
    import_images({.source = source, .output = whole, .threads = 1, .sharding = sharding});
    const std::vector<std::string> expected = outputs(whole);

    int moments = 0;
    for (bool ended = false; !ended; ++moments) {
      const std::string output = fresh_path("pictures.h5");
      const ImportOptions options{.source = source, .output = output, .threads = 1, .sharding = sharding};
      ended = imported_until(options, moments + 1);
      if (!ended) {
        EXPECT_EQ(error_of([&] { import_images(options); }), "") << moments;
      }
      EXPECT_TRUE(outputs(output) == expected) << "killed at report " << moments + 1;
    }
    EXPECT_GE(moments, 6) << "three blocks are read, and as many times 1024 rows are written";
  }
}

/// What is whole is not decoded again: pictures that nobody looks at may be anything.
TEST(UnfinishedImport, DecodesNothingTwice) {
  const std::string source = folder_of_pictures();
  const std::string output = fresh_path("pictures.h5");
  const ImportOptions options{.source = source, .output = output, .threads = 1};
  import_images(options);
  const std::vector<std::string> expected = outputs(output);
  fs::remove(output);
  ASSERT_FALSE(imported_until(options, 3)) << "all three blocks are read";

  const std::string victim = source + "/" + picture_name(2);  // dog/0002.png: in the second block
  const auto time = fs::last_write_time(victim);
  write_text(victim, std::string(fs::file_size(victim), 'x'));
  fs::last_write_time(victim, time);
  import_images(options);

  EXPECT_TRUE(outputs(output) == expected);
}

TEST(UnfinishedImport, AChangedSourceIsDecodedAnew) {
  const std::string source = folder_of_pictures();
  const std::string output = fresh_path("pictures.h5");
  const ImportOptions options{.source = source, .output = output, .threads = 1};
  ASSERT_FALSE(imported_until(options, 3));
  write_text(source + "/" + picture_name(0), flat_png(99));

  import_images(options);

  EXPECT_THAT(values_of(Hdf5File::open(output), "train"), testing::Contains(99));
}

/// A power cut may leave blocks that were never written to the disk.
TEST(UnfinishedImport, DamagedBlocksAreDecodedAnew) {
  const std::string output = fresh_path("pictures.h5");
  const ImportOptions options{.source = folder_of_pictures(), .output = output, .threads = 1};
  import_images(options);
  const std::vector<std::string> expected = outputs(output);
  fs::remove(output);
  ASSERT_FALSE(imported_until(options, 3));
  int damaged = 0;
  for (const auto& entry : fs::directory_iterator(output + ".decoded")) {
    if (entry.path().filename() == "lock") continue;
    std::string bytes = file_text(entry.path());
    bytes[100] = static_cast<char>(bytes[100] + 1);
    write_text(entry.path(), bytes);
    ++damaged;
  }

  import_images(options);

  EXPECT_GE(damaged, 2);
  EXPECT_TRUE(outputs(output) == expected);
}

/// Imports as several ranks do, each a thread.
void import_as_ranks(int count, ImportOptions options) {
  std::barrier meeting(count);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&meeting, options, rank, count]() mutable {
      options.ranks = {.rank = rank,
                       .count = count,
                       .meet = [&](const char*) { meeting.arrive_and_wait(); },
                       .on_first =
                           [&](const char*, const std::function<void()>& work) {
                             if (rank == 0) work();
                             meeting.arrive_and_wait();
                           }};
      EXPECT_EQ(error_of([&] { import_images(options); }), "");
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(RanksOfAnImport, GiveWhatOneGives) {
  const std::string folder = folder_of_pictures();
  const std::string archive = fresh_path("pictures.tar.gz");
  write_archive(archive, many_pictures());
  for (const std::string& source : {folder, archive})
    for (const Sharding sharding : {Sharding{}, Sharding{.files = 4}}) {
      const std::string alone = fresh_path("pictures.h5");
      const std::string together = fresh_path("pictures.h5");

      import_images({.source = source, .output = alone, .sharding = sharding});
      import_as_ranks(3, {.source = source, .output = together, .threads = 1, .sharding = sharding});

      EXPECT_TRUE(outputs(together) == outputs(alone));
    }
}

TEST(ShardedImport, PartsAreTheRowsOfTheWholeInTheirOrder) {
  const std::string source = folder_of_pictures();
  const std::string whole = fresh_path("whole.h5");
  const std::string parts = fresh_path("parts.h5");

  import_images({.source = source, .output = whole, .validation_fraction = 0.1});
  import_images(
      {.source = source, .output = parts, .validation_fraction = 0.1, .sharding = {.file_bytes = 20'000}});

  const std::vector<std::string> paths = parts_beside(parts);
  EXPECT_EQ(paths.size(), 6u) << "2100 rows of 48 bytes and a label: 109 kB";
  const Hdf5File file = Hdf5File::open(whole);
  for (const char* split : {"train", "validation"}) {
    std::vector<int> values;
    for (const std::string& path : paths)
      for (const int value : values_of(Hdf5File::open(path), split)) values.push_back(value);
    EXPECT_EQ(values, values_of(file, split)) << split;
  }
}

}  // namespace
}  // namespace annulus::io
