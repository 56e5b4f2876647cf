// TensorBoard's record format: length, its checksum, an Event of protobuf, its checksum.
#include "io/files/event_writer.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

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

/// A name that is not taken: TensorBoard reads the files of a directory in the order of their names.
std::filesystem::path free_path(const std::filesystem::path& directory) {
  const std::string name =
      fmt::format("events.out.tfevents.{:010}.{}", static_cast<std::int64_t>(unix_seconds()), host_name());
  std::filesystem::path path = directory / name;
  for (int i = 1; std::filesystem::exists(path); ++i) path = directory / fmt::format("{}.{}", name, i);
  return path;
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

EventWriter::EventWriter(const std::filesystem::path& directory) : path_(free_path(directory)) {
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
