// The library's own allreduce on GPUs, bucket by bucket.
#include "comm/device/exchange.hpp"
#include "comm/host/exchange_driver.hpp"

namespace annulus::comm {
namespace {

class DeviceFastExchange final : public DeviceExchange {
 public:
  DeviceFastExchange(DeviceGroup& group, const ReducerOptions& options, std::vector<float*> nodes)
      : work_(group.work()), link_(*group.link()), buckets_(options.buckets), nodes_(std::move(nodes)) {}

  void start(std::size_t bucket, DeviceStream compute) override {
    const auto [begin, end] = buckets_[bucket];
    work_.order(compute, work_.stream());
    work_.take_note(static_cast<int>(bucket) + 1, work_.stream());
    float* const sum = nodes_[0] + begin;
    for (std::size_t i = 1; i < nodes_.size(); ++i)
      work_.add(sum, sum, nodes_[i] + begin, end - begin, work_.stream());
    link_.all_reduce_sum(sum, end - begin, bucket_purpose(bucket, buckets_.size()));
  }

  void finish(DeviceStream compute) override {
    work_.take_note(0, work_.stream());
    work_.order(work_.stream(), compute);
  }

  bool capturable() const override { return true; }

 private:
  DeviceWork& work_;
  DeviceLink& link_;
  std::vector<Bucket> buckets_;
  std::vector<float*> nodes_;
};

}  // namespace

std::unique_ptr<DeviceExchange> make_device_fast_exchange(DeviceGroup& group, const ReducerOptions& options,
                                                          std::vector<float*> nodes) {
  return std::make_unique<DeviceFastExchange>(group, options, std::move(nodes));
}

}  // namespace annulus::comm
