// Files that another process reads: the same values as the library gives here, and whatever becomes of that
// process is an error of the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <numeric>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/forked_reader.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <class Value>
std::vector<Value> counting(std::size_t count) {
  std::vector<Value> values(count);
  std::iota(values.begin(), values.end(), Value{0});
  return values;
}

std::string file_of_every_form() {
  const std::string path = fresh_path("forms.h5");
  Hdf5File file = Hdf5File::create(path);
  const auto bytes = counting<std::uint8_t>(60);
  const auto reals = counting<float>(60);
  file.write<std::uint8_t>("plain", {10, 6}, bytes);
  file.write<float>("group/chunked", {10, 6}, reals, {.chunk_rows = 4});
  file.write<float>("group/packed", {10, 6}, reals, {.chunk_rows = 3, .deflate = 1});
  file.write<std::int32_t>("whole", {5}, counting<std::int32_t>(5));
  file.write<double>("one", {}, std::vector<double>{2.5});
  file.set_attribute("/", "classes", std::vector<std::string>{"cat", "dög"});
  file.set_attribute("group", "mean", -0.25);
  file.set_attribute("group", "low", std::int64_t{-7});
  file.set_attribute("group", "high", ~std::uint64_t{0});
  file.close();
  return path;
}

class ReadByAnother : public testing::Test {
 protected:
  ~ReadByAnother() override { set_hdf5_reader({}); }
  static std::string open_error(const std::string& path) {
    return error_of([&] { Hdf5File::open(path); });
  }
};

template <class Value>
std::vector<Value> rows(const Hdf5Dataset& dataset, std::uint64_t first, std::uint64_t count) {
  std::vector<Value> values(count * dataset.row_size());
  dataset.read_rows(first, count, std::span<Value>(values));
  return values;
}

/// Everything that can be asked of the file, as text and values.
struct Findings {
  std::vector<std::string> members, classes, attributes;
  std::vector<float> chunked, packed, plain;
  std::vector<double> one;
  DatasetInfo packed_info;
  std::string missing, wrong_type;
  bool operator==(const Findings& other) const {
    return members == other.members && classes == other.classes && attributes == other.attributes &&
           chunked == other.chunked && packed == other.packed && plain == other.plain && one == other.one &&
           packed_info.extents == other.packed_info.extents && packed_info.chunk == other.packed_info.chunk &&
           packed_info.filters == other.packed_info.filters &&
           packed_info.stored_bytes == other.packed_info.stored_bytes && missing == other.missing &&
           wrong_type == other.wrong_type;
  }
};

Findings read_all(const std::string& path) {
  const Hdf5File file = Hdf5File::open(path);
  EXPECT_TRUE(file.exists("group/packed") && !file.exists("group/lost") && file.is_dataset("plain"));
  EXPECT_TRUE(file.has_attribute("group", "mean") && !file.has_attribute("group", "median"));
  EXPECT_EQ(file.double_attribute("group", "mean"), -0.25);
  EXPECT_EQ(file.int64_attribute("group", "low"), -7);
  EXPECT_EQ(file.uint64_attribute("group", "high"), ~std::uint64_t{0});
  const auto bytes = rows<std::uint8_t>(file.dataset("plain"), 3, 4);
  const Hdf5Dataset packed = file.dataset("group/packed");
  return {.members = file.members(),
          .classes = file.strings_attribute("/", "classes"),
          .attributes = file.attributes("group"),
          .chunked = rows<float>(file.dataset("group/chunked"), 2, 7),
          .packed = rows<float>(packed, 0, 10),
          .plain = {bytes.begin(), bytes.end()},
          .one = file.read<double>("one"),
          .packed_info = packed.info(),
          .missing = error_of([&] { file.dataset("group/pecked"); }),
          .wrong_type = error_of([&] { file.read<std::uint8_t>("whole"); })};
}

TEST_F(ReadByAnother, GivesWhatTheLibraryGivesHere) {
  const std::string path = file_of_every_form();
  const Findings here = read_all(path);
  EXPECT_THAT(here.missing, HasSubstr("Did you mean group/packed?"));

  set_hdf5_reader(fork_reader());
  EXPECT_EQ(read_all(path), here);
}

constexpr std::int64_t kLargeRows = 70;
constexpr std::int64_t kLargeRow = 1 << 20;  // so that one piece does not hold all rows

const std::vector<std::uint8_t>& large_values() {
  static const std::vector<std::uint8_t> values = [] {
    std::vector<std::uint8_t> made(static_cast<std::size_t>(kLargeRows * kLargeRow));
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::uint8_t>(i % 251);
    return made;
  }();
  return values;
}

std::string large_file(int deflate) {
  const std::string path = fresh_path("large.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write<std::uint8_t>("values", {kLargeRows, kLargeRow}, large_values(),
                           {.chunk_rows = 3, .deflate = deflate});
  file.close();
  return path;
}

TEST_F(ReadByAnother, RowsComeInPiecesOfWholeChunks) {
  set_hdf5_reader(fork_reader());
  const Hdf5Dataset back = Hdf5File::open(large_file(0)).dataset("values");
  const auto from_second = rows<std::uint8_t>(back, 1, kLargeRows - 1);
  EXPECT_TRUE(std::equal(from_second.begin(), from_second.end(), large_values().begin() + kLargeRow));
}

TEST_F(ReadByAnother, ARequestThatComputesTooLongIsStopped) {
  const std::string path = large_file(1);
  set_hdf5_reader(fork_reader([](const std::string& file, const ReaderEnds& ends) {
    serve_hdf5(file, ends, std::chrono::milliseconds(30));  // unpacking takes longer, a few rows do not
  }));
  const Hdf5Dataset back = Hdf5File::open(path).dataset("values");
  // As another type: the library unpacks and converts, which takes it longer than our own unpacking.
  EXPECT_EQ(rows<std::int32_t>(back, 0, 1).size(), static_cast<std::size_t>(kLargeRow));
  EXPECT_THAT(error_of([&] { rows<std::int32_t>(back, 0, kLargeRows); }), HasSubstr("was not done after"));
}

TEST_F(ReadByAnother, OneProcessServesAVersionOfAFile) {
  int started = 0;
  set_hdf5_reader([&started, fork = fork_reader()](const ReaderEnds& ends, const std::string& path) {
    ++started;
    return fork(ends, path);
  });
  const std::string path = file_of_every_form();
  {
    const Hdf5File first = Hdf5File::open(path), second = Hdf5File::open(path);
    EXPECT_EQ(started, 1);
  }
  Hdf5File::open(path);  // all were closed: another one
  EXPECT_EQ(started, 2);
  const KeepReaders keep;
  Hdf5File::open(path);
  Hdf5File::open(path);
  EXPECT_EQ(started, 3);
  write_text(path, file_text(file_of_every_form()) + "changed");
  Hdf5File::open(path);
  EXPECT_EQ(started, 4);
}

TEST_F(ReadByAnother, ADeathIsAnErrorOfTheFile) {
  const std::string path = file_of_every_form();
  const auto dying_of = [&](int signal) {
    set_hdf5_reader(fork_reader([signal](const std::string&, const ReaderEnds&) { ::raise(signal); }));
    return open_error(path);
  };
  EXPECT_THAT(dying_of(SIGSEGV), AllOf(HasSubstr(path), HasSubstr("crashed (Segmentation fault)")));
  EXPECT_THAT(dying_of(SIGPROF), HasSubstr("was not done after 20 s of computing"));
  EXPECT_THAT(dying_of(SIGKILL), HasSubstr("was killed. Did memory run out"));
}

TEST_F(ReadByAnother, ADeathLaterIsAnErrorOfEveryCall) {
  const std::string path = file_of_every_form();
  pid_t process = 0;
  set_hdf5_reader([&process, fork = fork_reader()](const ReaderEnds& ends, const std::string& file) {
    return process = fork(ends, file);
  });
  const Hdf5File file = Hdf5File::open(path);
  const Hdf5Dataset packed = file.dataset("group/packed");
  ::kill(process, SIGBUS);

  EXPECT_THAT(error_of([&] { rows<float>(packed, 0, 2); }), HasSubstr("crashed (Bus error)"));
  EXPECT_THAT(error_of([&] { file.members(); }), HasSubstr("crashed (Bus error)"));
}

TEST_F(ReadByAnother, NonsenseIsNotBelieved) {
  const std::string path = file_of_every_form();
  const auto answering = [&](const MessageWriter& answer, bool framed) {
    MessageWriter message;
    if (framed) message.put(std::string_view(answer.bytes()));
    const std::string bytes = framed ? message.bytes() : answer.bytes();
    set_hdf5_reader(fork_reader([bytes](const std::string&, const ReaderEnds& ends) {
      std::string request(2 * sizeof(std::uint64_t), '\0');  // its length, and which one it is
      receive_all(ends.requests, request);
      send_all(ends.requests, bytes);
    }));
    return open_error(path);
  };
  MessageWriter endless, unknown, empty, long_text;
  endless.put(~std::uint64_t{0});
  unknown.put(std::uint64_t{17});
  long_text.put(Hdf5Answer::data_error);
  long_text.put(~std::uint64_t{0});  // the length of a text that is not there
  MessageWriter too_long;
  too_long.put(Hdf5Answer::result);
  too_long.put(true);
  too_long.put(true);
  MessageWriter memory;
  memory.put(Hdf5Answer::no_memory);

  EXPECT_THAT(answering(endless, false), HasSubstr("cannot be read"));
  for (const MessageWriter& nonsense : {unknown, empty, long_text, too_long})
    EXPECT_THAT(answering(nonsense, true), HasSubstr("answered nonsense"));
  EXPECT_THAT(answering(memory, true), HasSubstr("needed more than 6 GB of memory"));
}

TEST_F(ReadByAnother, DescriptionsAreTakenApartWithinTheirBounds) {
  MessageWriter whole;
  whole.put(DatasetInfo{.extents = {3, 4}, .chunk = {1, 4}, .filters = {"deflate"}, .plain_at = 17});
  const std::string bytes = whole.bytes();
  EXPECT_EQ(MessageReader(bytes).take<DatasetInfo>().plain_at, 17u);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(error_of([&] { MessageReader(bytes.substr(0, size)).take<DatasetInfo>(); }), "") << size;
  MessageWriter negative;
  negative.put(std::vector<std::int64_t>{-1});
  EXPECT_NE(error_of([&] { MessageReader(negative.bytes()).take<Extents>(); }), "");
}

TEST_F(ReadByAnother, ValuesBeyondTheEndOfTheFileAreNone) {
  const std::string path = file_of_every_form();
  set_hdf5_reader(fork_reader());
  const Hdf5File file = Hdf5File::open(path);
  const Hdf5Dataset plain = file.dataset("plain");
  ASSERT_TRUE(plain.info().plain_at);
  std::filesystem::resize_file(path, *plain.info().plain_at + 12);

  EXPECT_THAT(rows<std::uint8_t>(plain, 0, 2), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(error_of([&] { rows<std::uint8_t>(plain, 0, 3); }), HasSubstr("shorter than it says"));
}

}  // namespace
}  // namespace annulus::io
