// TensorBoard's record format: length, its checksum, an Event of protobuf, its checksum.
#include "io/files/event_writer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "io/files/event.pb.h"

namespace annulus::io {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kPolynomial = 0x82F63B78u;  // Castagnoli's, bits reversed
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[byte] = value;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

/// A checksum that may itself be part of checksummed data (the format's own remedy).
std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

constexpr std::string_view kPrefix = "events.out.tfevents.";

/// The time in a file's name; nothing for other files, and for times with more digits than are written here:
/// no name of ours could sort after those.
std::optional<std::int64_t> time_of(const std::string& name) {
  constexpr std::ptrdiff_t kDigits = 10;
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* begin = name.data() + kPrefix.size();
  std::int64_t time = 0;
  const auto [stop, error] = std::from_chars(begin, name.data() + name.size(), time);
  if (error != std::errc{} || stop - begin != kDigits || *stop != '.') return std::nullopt;
  return time;
}

/// TensorBoard reads the files of a directory in the order of their names, and takes what an earlier file
/// says of later steps as undone. So the name must sort after all that are there, also when the clock was set
/// back or is that of another host: then its time is the newest one's and a second more.
std::filesystem::path next_path(const std::filesystem::path& directory) {
  auto time = static_cast<std::int64_t>(unix_seconds());
  std::error_code unreadable;  // then the file cannot be made either, which is said where that is tried
  for (const auto& entry : std::filesystem::directory_iterator(directory, unreadable))
    if (const auto other = time_of(entry.path().filename().string())) time = std::max(time, *other + 1);
  return directory / fmt::format("{}{:010}.{}", kPrefix, time, host_name());
}

proto::Event new_event(std::uint64_t step) {
  proto::Event event;
  event.set_wall_time(unix_seconds());
  event.set_step(static_cast<std::int64_t>(step));
  return event;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xFFu];
  return ~crc;
}

std::string tf_record(std::string_view data) {
  const std::string length = little_endian(std::uint64_t{data.size()});
  std::string record = length + little_endian(masked_crc(length));
  record += data;
  return record + little_endian(masked_crc(data));
}

EventWriter::EventWriter(const std::filesystem::path& directory) : path_(next_path(directory)) {
  file_.open(path_, std::ios::binary);
  proto::Event event = new_event(0);
  event.set_file_version("brain.Event:2");
  append(event.SerializeAsString());
}

void EventWriter::restart_at(std::uint64_t step) {
  proto::Event event = new_event(step);
  event.mutable_session_log()->set_status(proto::SessionLog::START);
  append(event.SerializeAsString());
}

void EventWriter::write(std::uint64_t step, std::span<const Scalar> scalars) {
  proto::Event event = new_event(step);
  for (const Scalar& scalar : scalars) {
    proto::Summary::Value& value = *event.mutable_summary()->add_value();
    value.set_tag(scalar.tag);
    value.set_simple_value(static_cast<float>(scalar.value));
  }
  append(event.SerializeAsString());
}

void EventWriter::append(const std::string& message) {
  const std::string record = tf_record(message);
  errno = 0;
  file_.write(record.data(), static_cast<std::streamsize>(record.size()));
  file_.flush();
  if (file_) return;
  throw RuntimeError(
      "{}: the TensorBoard events cannot be written ({}). Free some space or check the directory's permissions, then start again with --resume auto.",
      path_.string(), errno != 0 ? std::strerror(errno) : "the stream failed");
}

}  // namespace annulus::io
