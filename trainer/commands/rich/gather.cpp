#include "trainer/commands/rich/gather.hpp"

#include <span>
#include <utility>

namespace annulus::trainer {
namespace {

constexpr int kTag = 1;

/// Makes them whole floats, which is what ranks send each other. Megabytes: they are sent from where they
/// are.
std::span<float> as_floats(std::vector<std::byte>& bytes) {
  bytes.resize((bytes.size() + sizeof(float) - 1) / sizeof(float) * sizeof(float));
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

/// A size on its way, as floats.
std::span<float> as_floats(std::uint64_t& size) {
  return {reinterpret_cast<float*>(&size), sizeof(size) / sizeof(float)};
}

}  // namespace

std::vector<std::vector<std::byte>> gather_bytes(comm::ProcessGroup& group, std::vector<std::byte> mine,
                                                 std::string_view what) {
  if (group.rank() != 0) {
    PartSender(group, 0, std::string(what)).send(std::move(mine));
    return {};
  }
  std::vector<std::vector<std::byte>> all(static_cast<std::size_t>(group.size()));
  for (int peer = 1; peer < group.size(); ++peer)
    receive_part(group, peer, what, all[static_cast<std::size_t>(peer)]);
  return all;
}

PartSender::PartSender(comm::ProcessGroup& group, std::size_t ahead, std::string what)
    : group_(group), ahead_(ahead), what_(std::move(what)) {}

void PartSender::send(std::vector<std::byte> bytes) {
  Part& part = under_way_.emplace_back();
  part.size = bytes.size();
  part.bytes = std::move(bytes);
  part.size_transfer = group_.start_send(as_floats(part.size), 0, kTag);
  part.transfer = group_.start_send(as_floats(part.bytes), 0, kTag);
  while (under_way_.size() > ahead_) {
    group_.wait(*under_way_.front().size_transfer, what_);
    group_.wait(*under_way_.front().transfer, what_);
    under_way_.pop_front();
  }
}

void receive_part(comm::ProcessGroup& group, int peer, std::string_view what, std::vector<std::byte>& part) {
  std::uint64_t size = 0;
  group.wait(*group.start_receive(as_floats(size), peer, kTag), what);
  part.resize(size);
  group.wait(*group.start_receive(as_floats(part), peer, kTag), what);
  part.resize(size);
}

}  // namespace annulus::trainer
