#include "trainer/commands/rich_gather.hpp"

#include <cstdint>
#include <span>

namespace annulus::trainer {
namespace {

constexpr int kTag = 1;

/// Makes them whole floats, which is what ranks send each other. Megabytes: they are sent from where they
/// are.
std::span<float> as_floats(std::vector<std::byte>& bytes) {
  bytes.resize((bytes.size() + sizeof(float) - 1) / sizeof(float) * sizeof(float));
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

}  // namespace

std::vector<std::vector<std::byte>> gather_bytes(comm::ProcessGroup& group, std::vector<std::byte> mine,
                                                 std::string_view what) {
  const std::uint64_t size = mine.size();
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&size, 1)), std::as_writable_bytes(std::span(sizes)), what);
  if (group.rank() != 0) {
    group.wait(*group.start_send(as_floats(mine), 0, kTag), what);
    return {};
  }
  std::vector<std::vector<std::byte>> all(sizes.size());
  for (int peer = 1; peer < group.size(); ++peer) {
    std::vector<std::byte>& bytes = all[static_cast<std::size_t>(peer)];
    const std::uint64_t peer_size = sizes[static_cast<std::size_t>(peer)];
    bytes.resize(peer_size);
    group.wait(*group.start_receive(as_floats(bytes), peer, kTag), what);
    bytes.resize(peer_size);
  }
  return all;
}

}  // namespace annulus::trainer
