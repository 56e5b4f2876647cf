// TensorBoard's file format: checksums against published values, records against bytes laid out by hand.
#include "io/files/event_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <iterator>

#include "base/error.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

class EventWriterTest : public testing::Test {
 protected:
  EventWriterTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    directory = fs::path(testing::TempDir()) /
                ("annulus_events_" + std::string(test->name()) + "_" + std::to_string(::getpid()));
    fs::create_directories(directory);
  }
  ~EventWriterTest() override {
    std::error_code ignored;  // a leftover in the temporary directory harms nobody
    fs::remove_all(directory, ignored);
  }
  EventWriterTest(const EventWriterTest&) = delete;
  EventWriterTest& operator=(const EventWriterTest&) = delete;

  fs::path directory;
};

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T load(const std::string& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// The messages in an event file, after checking its framing.
std::vector<std::string> messages_in(const std::string& file) {
  std::vector<std::string> messages;
  for (std::size_t at = 0; at < file.size();) {
    const auto length = load<std::uint64_t>(file, at);
    const std::string message = file.substr(at + 12, length);
    EXPECT_EQ(file.substr(at, 16 + length), tf_record(message));
    messages.push_back(message);
    at += 16 + length;
  }
  return messages;
}

TEST(Crc32c, HasThePublishedValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);              // the usual check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);    // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(TfRecord, FramesDataWithMaskedChecksums) {
  const std::string record = tf_record("123456789");

  ASSERT_EQ(record.size(), 8 + 4 + 9 + 4u);
  EXPECT_EQ(load<std::uint64_t>(record, 0), 9u);
  EXPECT_EQ(record.substr(12, 9), "123456789");
  EXPECT_EQ(load<std::uint32_t>(record, 21), std::rotr(0xE3069283u, 15) + 0xA282EAD8u);
}

TEST_F(EventWriterTest, StartsWithTheVersion) {
  const EventWriter writer(directory);

  const auto messages = messages_in(read_file(writer.path()));

  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages[0], testing::HasSubstr("\x1a\x0d"
                                              "brain.Event:2"));  // field 3, 13 bytes
}

TEST_F(EventWriterTest, WritesScalarsThatReadersSeeAtOnce) {
  EventWriter writer(directory);

  writer.write(300, std::vector<Scalar>{{"train/loss", 0.5}});

  const auto messages = messages_in(read_file(writer.path()));
  ASSERT_EQ(messages.size(), 2u);
  const std::string& event = messages[1];
  EXPECT_EQ(event[0], '\x09');                                    // field 1, double: wall time
  EXPECT_GT(load<double>(event, 1), 1.5e9);                       // seconds since 1970
  EXPECT_EQ(event.substr(9, 3), "\x10\xAC\x02");                  // field 2, varint 300
  EXPECT_EQ(event.substr(12, 4), "\x2A\x13\x0A\x11");             // summary of 19 bytes, value of 17 bytes
  EXPECT_EQ(event.substr(16, 12), "\x0A\x0Atrain/loss");          // tag
  EXPECT_EQ(event.substr(28), std::string("\x15\0\0\0\x3F", 5));  // simple_value 0.5f
}

TEST_F(EventWriterTest, AnnouncesARestart) {
  EventWriter writer(directory);

  writer.restart_at(7);

  const auto messages = messages_in(read_file(writer.path()));
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].substr(9), "\x10\x07\x3A\x02\x08\x01");  // step 7, session log with status START
}

TEST_F(EventWriterTest, NeverTakesANameTwice) {
  const EventWriter first(directory);
  const EventWriter second(directory);

  EXPECT_NE(first.path(), second.path());
}

TEST_F(EventWriterTest, SortsAfterTheFilesOfAClockThatWasAhead) {
  for (const char* name :
       {"events.out.tfevents.9000000000.ahead", "events.out.tfevents.1000000000.zebra.1",
        "events.out.tfevents.x", "events.out.tfevents.99999999999.of-others", "notes.9500000000.txt"})
    std::ofstream(directory / name) << "kept";

  const EventWriter writer(directory);
  const EventWriter next(directory);

  EXPECT_TRUE(writer.path().filename().string().starts_with("events.out.tfevents.9000000001."));
  EXPECT_TRUE(next.path().filename().string().starts_with("events.out.tfevents.9000000002."));
  EXPECT_EQ(read_file(directory / "events.out.tfevents.9000000000.ahead"), "kept");
}

TEST_F(EventWriterTest, SaysWhenItCannotWrite) {
  EXPECT_THROW(EventWriter(directory / "missing"), RuntimeError);
}

}  // namespace
}  // namespace annulus::io
