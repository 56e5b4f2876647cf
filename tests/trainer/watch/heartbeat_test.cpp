// Heartbeat files: what comes back, and everything that must not come back.
#include "trainer/watch/heartbeat.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/random.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

Heartbeat example() {
  return {.start = 0xfedcba9876543210,
          .rank = 3,
          .ranks = 4,
          .host = "n2",
          .process = 4711,
          .process_started = 123456789,
          .place = 42,
          .state = RankState::failed,
          .exit_code = 65,
          .phase = Phase::validation,
          .waiting = true,
          .step = 120,
          .text = "evaluation",
          .quiet_seconds = 1.5,
          .limit_seconds = 300,
          .time = 1.7e9,
          .beats = 99,
          .own_step_seconds = 0.017,
          .images_per_second = 5000,
          .checkpoint_step = 100,
          .total_steps = 1000,
          .steps_per_epoch = 50,
          .resident_mb = 123.5};
}

TEST(Heartbeat, ComesBackAsItWas) {
  const std::string line = to_line(example());
  const auto back = parse_heartbeat(line);

  EXPECT_EQ(line.size(), kHeartbeatBytes);
  EXPECT_EQ(line.back(), '\n');
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(to_line(*back), line);
  EXPECT_EQ(back->phase, Phase::validation);
  EXPECT_EQ(back->start, 0xfedcba9876543210U);
}

TEST(Heartbeat, HasItsSizeWhateverTheTextsAre) {
  for (const char byte : {'\x01', '"', '\xff', 'x'}) {
    Heartbeat beat = example();
    beat.text = std::string(1000, byte);
    beat.host = std::string(1000, byte);

    const std::string line = to_line(beat);
    EXPECT_EQ(line.size(), kHeartbeatBytes);
    EXPECT_TRUE(parse_heartbeat(line).has_value()) << line;
  }
}

TEST(Heartbeat, AnythingElseIsNone) {
  const std::string line = to_line(example());
  for (std::size_t length : {0U, 1U, 100U, 400U}) EXPECT_FALSE(parse_heartbeat(line.substr(0, length)));
  for (const char* text : {"", "{}", "[]", "null", "7", "{\"kind\": \"crash\"}", "\xff\xfe"})
    EXPECT_FALSE(parse_heartbeat(text)) << text;

  const auto with = [&](const std::string& old, const std::string& changed) {
    std::string other = line;
    other.replace(other.find(old), old.size(), changed);
    return parse_heartbeat(other).has_value();
  };
  EXPECT_TRUE(with("\"rank\":3", "\"rank\":2"));
  EXPECT_FALSE(with("\"rank\":3", "\"rank\":4")) << "there are four ranks";
  EXPECT_FALSE(with("\"rank\":3", "\"rank\":-1"));
  EXPECT_FALSE(with("\"rank\":3", "\"rank\":3.5"));
  EXPECT_FALSE(with("\"process\":4711", "\"process\":99999999999"));
  EXPECT_FALSE(with("\"step\":120", "\"step\":\"120\""));
  EXPECT_FALSE(with("validation", "vacation"));
  EXPECT_FALSE(with("\"quiet_seconds\":1.5", "\"quiet_seconds\":1e999"));
}

TEST(Heartbeat, FlippedBytesDoNoHarm) {
  const std::string line = to_line(example());
  RandomStream random(3, Purpose::test, 0, 0);
  int accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string broken = line;
    broken[random.next() % 600] = static_cast<char>(random.next() % 256);
    accepted += parse_heartbeat(broken).has_value() ? 1 : 0;
  }
  EXPECT_LT(accepted, 2000);  // digits of numbers may change unseen; the point is that nothing breaks
}

TEST(Heartbeat, OnlyFilesOfTheRightNameCount) {
  const TemporaryDirectory folder;
  write_file(folder / "rank-3.json", to_line(example()));
  Heartbeat other = example();
  other.rank = 0;
  write_file(folder / "rank-2.json", to_line(other));
  write_file(folder / "rank-1.json", "garbage");
  write_file(folder / "rank-4.json", std::string(std::size_t{1} << 20, ' '));
  ASSERT_EQ(mkfifo((folder / "rank-5.json").c_str(), 0600), 0);  // would hold up who opens it

  const auto found = read_heartbeats(folder.path());

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.at(3).process, 4711);
  EXPECT_THAT(read_heartbeats(folder / "missing"), testing::IsEmpty());
}

}  // namespace
}  // namespace annulus::trainer
