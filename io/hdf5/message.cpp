// Numbers and descriptions out of a message, and whole messages over a socket.
#include "io/hdf5/message.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace annulus::io {

std::uint64_t MessageReader::whole(std::uint64_t most) {
  std::uint64_t value = 0;
  check(bytes_.size() - at_ >= sizeof value);
  std::memcpy(&value, bytes_.data() + at_, sizeof value);
  at_ += sizeof value;
  check(value <= most);
  return value;
}

DatasetInfo MessageReader::take_info() {
  DatasetInfo info;
  info.extents = take<Extents>();
  info.type.kind = take_enum(StoredType::Kind::other);
  info.type.bytes = take<std::size_t>();
  info.type.is_bool = take<bool>();
  info.chunk = take<Extents>();
  info.filters = take<std::vector<std::string>>();
  info.stored_bytes = take<std::uint64_t>();
  const bool counted = take<bool>();
  const auto chunks = take<std::uint64_t>();
  if (counted) info.stored_chunks = chunks;
  const bool is_plain = take<bool>();
  const auto offset = take<std::uint64_t>();
  if (is_plain) info.plain_at = offset;
  check(info.chunk.empty() || info.chunk.size() == info.extents.size());
  return info;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int socket, std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t received = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(received));
  }
  return true;
}

}  // namespace annulus::io
