// The plain block of one process.
#include "base/node_memory.hpp"

namespace annulus {
namespace {

class PrivateMemory final : public NodeMemory {
 public:
  explicit PrivateMemory(std::size_t bytes)
      : data_(std::make_unique_for_overwrite<std::byte[]>(bytes)), size_(bytes) {}
  std::span<std::byte> bytes() override { return {data_.get(), size_}; }
  int part() const override { return 0; }
  int parts() const override { return 1; }
  void synchronise() override {}

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_;
};

}  // namespace

std::unique_ptr<NodeMemory> make_private_memory(std::size_t bytes) {
  return std::make_unique<PrivateMemory>(bytes);
}

}  // namespace annulus
