#include "trainer/commands/rich_gather.hpp"

#include <cstdint>
#include <cstring>
#include <span>

namespace annulus::trainer {
namespace {

constexpr int kTag = 1;

/// Rounds up to whole floats, which is what ranks send each other.
std::size_t floats_for(std::size_t bytes) { return (bytes + sizeof(float) - 1) / sizeof(float); }

}  // namespace

std::vector<std::vector<std::byte>> gather_bytes(comm::ProcessGroup& group,
                                                 const std::vector<std::byte>& mine, std::string_view what) {
  const std::uint64_t size = mine.size();
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&size, 1)), std::as_writable_bytes(std::span(sizes)), what);
  if (group.rank() != 0) {
    std::vector<float> message(floats_for(size));
    if (size > 0) std::memcpy(message.data(), mine.data(), size);
    group.wait(*group.start_send(message, 0, kTag), what);
    return {};
  }
  std::vector<std::vector<std::byte>> all(sizes.size());
  for (int peer = 1; peer < group.size(); ++peer) {
    std::vector<std::byte>& bytes = all[static_cast<std::size_t>(peer)];
    bytes.resize(sizes[static_cast<std::size_t>(peer)]);
    std::vector<float> message(floats_for(bytes.size()));
    group.wait(*group.start_receive(message, peer, kTag), what);
    if (!bytes.empty()) std::memcpy(bytes.data(), message.data(), bytes.size());
  }
  return all;
}

}  // namespace annulus::trainer
