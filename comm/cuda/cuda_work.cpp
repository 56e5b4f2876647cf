// Each item of work is one call or one kernel.
#include "comm/cuda/cuda_work.hpp"

#include <algorithm>
#include <atomic>
#include <type_traits>
#include <variant>
#include <vector>

#include "comm/cuda/cuda.hpp"
#include "comm/cuda/reduction_kernels.hpp"

namespace annulus::comm {
namespace {

static_assert(std::is_same_v<DeviceStream, cudaStream_t>);

template <int kOperands>
bool enqueue_pairwise(float* sum, std::span<const float* const> operands, std::size_t count,
                      cudaStream_t stream) {
  PairwiseBody<kOperands> body{.sum = sum, .operands = {}, .count = static_cast<std::int64_t>(count)};
  std::copy_n(operands.begin(), kOperands, body.operands);
  enqueue(stream, body);
  return true;
}

class CudaWork final : public DeviceWork {
 public:
  CudaWork() : note_(1, "a note of the reducer") { note_[0] = 0; }

  DeviceStream stream() const override { return stream_.get(); }
  float* allocate(std::size_t count, std::string_view purpose) override {
    return std::get<0>(memory_.emplace_back(DeviceBuffer<float>(count, purpose))).get();
  }
  float* allocate_pinned(std::size_t count, std::string_view purpose) override {
    return std::get<1>(memory_.emplace_back(PinnedBuffer<float>(count, purpose))).get();
  }
  std::size_t allocations() const override { return memory_.size(); }
  void release_since(std::size_t mark) override { memory_.resize(std::min(mark, memory_.size())); }

  void add(float* sum, const float* left, const float* right, std::size_t count,
           DeviceStream stream) override {
    enqueue(stream,
            AddBody{.sum = sum, .left = left, .right = right, .count = static_cast<std::int64_t>(count)});
  }
  bool add_pairwise(float* sum, std::span<const float* const> operands, std::size_t count,
                    DeviceStream stream) override {
    switch (operands.size()) {
      case 2:
        return enqueue_pairwise<2>(sum, operands, count, stream);
      case 4:
        return enqueue_pairwise<4>(sum, operands, count, stream);
      case 8:
        return enqueue_pairwise<8>(sum, operands, count, stream);
      case 16:
        return enqueue_pairwise<16>(sum, operands, count, stream);
      default:
        return false;
    }
  }
  void copy_to_host(float* host, const float* device, std::size_t count, DeviceStream stream) override {
    comm::copy_to_host(std::span<float>(host, count), device, stream);
  }
  void copy_to_device(float* device, const float* host, std::size_t count, DeviceStream stream) override {
    comm::copy_to_device(device, std::span<const float>(host, count), stream);
  }

  /// One event serves all: a wait keeps the record that it was enqueued after.
  void order(DeviceStream first, DeviceStream then) override {
    event_.record(first);
    stream_wait(then, event_);
  }
  bool idle(DeviceStream stream) override {
    const cudaError_t code = cudaStreamQuery(stream);
    if (code == cudaErrorNotReady) return false;
    ANNULUS_CHECK_CUDA(code);
    return true;
  }

  void take_note(int value, DeviceStream stream) override {
    enqueue(stream, NoteBody{.place = note_.get(), .value = value});
  }
  int note() const override { return std::atomic_ref<int>(*note_.get()).load(std::memory_order_relaxed); }

 private:
  Stream stream_{StreamPriority::high};
  Event event_;
  PinnedBuffer<int> note_;
  std::vector<std::variant<DeviceBuffer<float>, PinnedBuffer<float>>> memory_;
};

}  // namespace

std::unique_ptr<DeviceWork> make_cuda_work() { return std::make_unique<CudaWork>(); }

}  // namespace annulus::comm
