// Two ranks of which one never answers.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "comm/ranks/process_group.hpp"

namespace annulus::comm::test {

/// The first of two ranks; what the other should have brought stays as it was.
class AbandonedGroup final : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  void barrier(std::string_view) override {}
  void broadcast(std::span<std::byte>, int, std::string_view) override {}
  void all_gather(std::span<const std::byte>, std::span<std::byte>, std::string_view) override {}
  std::unique_ptr<Transfer> start_all_reduce_sum(std::span<float>) override { return nullptr; }
  std::unique_ptr<Transfer> start_send(std::span<const float>, int, int) override { return nullptr; }
  std::unique_ptr<Transfer> start_receive(std::span<float>, int, int) override { return nullptr; }
};

}  // namespace annulus::comm::test
