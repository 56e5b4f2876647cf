// Numbers and descriptions out of a message, and whole messages over a socket.
#include "io/hdf5/message.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

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

namespace {

/// Room for one descriptor beside a message.
struct Beside {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int))] = {};
};

msghdr message_of(iovec& part, Beside* beside) {
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (beside != nullptr) {
    message.msg_control = beside->bytes;
    message.msg_controllen = sizeof beside->bytes;
  }
  return message;
}

ssize_t send_with(int socket, std::string_view bytes, int descriptor) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  Beside beside;
  msghdr message = message_of(part, &beside);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t receive_with(int socket, std::span<char> bytes, Descriptor& descriptor) {
  iovec part{bytes.data(), bytes.size()};
  Beside beside;
  msghdr message = message_of(part, &beside);
  const ssize_t received = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); received > 0 && header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int came = -1;
    std::memcpy(&came, CMSG_DATA(header), sizeof came);
    descriptor = Descriptor(came);
  }
  return received;
}

}  // namespace

bool send_all(int socket, std::string_view bytes, int descriptor) {
  while (!bytes.empty()) {
    const ssize_t sent = descriptor >= 0 ? send_with(socket, bytes, descriptor)
                                         : ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    descriptor = -1;  // it went with the first bytes
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

bool receive_all(int socket, std::span<char> bytes, Descriptor& descriptor) {
  while (!bytes.empty()) {
    const ssize_t received = receive_with(socket, bytes, descriptor);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(received));
  }
  return true;
}

}  // namespace annulus::io
