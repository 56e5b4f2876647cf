// The host's exchange for sums that lie on a GPU: copied to pinned memory, exchanged, copied back.
#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "comm/device/exchange.hpp"
#include "comm/host/exchange_driver.hpp"

namespace annulus::comm {
namespace {

/// A rank's nodes in pinned memory; complete when they are looked at.
class PinnedNodes final : public OwnNodes {
 public:
  PinnedNodes(DeviceWork& work, const ReducerOptions& options, ShardRange owned)
      : nodes_(maximal_nodes(options.shards, owned)) {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      buffers_.push_back(work.allocate_pinned(options.elements, "gradients on their way between ranks"));
  }
  const std::vector<ShardRange>& nodes() const override { return nodes_; }
  bool ready(std::size_t) const override { return true; }
  float* node(std::size_t i) const override { return buffers_[i]; }

 private:
  std::vector<ShardRange> nodes_;
  std::vector<float*> buffers_;
};

class DeviceHostExchange final : public DeviceExchange {
 public:
  DeviceHostExchange(DeviceGroup& group, const ReducerOptions& options, std::vector<float*> nodes)
      : work_(group.work()),
        elements_(options.elements),
        nodes_(std::move(nodes)),
        pinned_(work_, options, owned_shards(options.shards, group.host().rank(), group.host().size())),
        driver_(group.host(), pinned_, options) {}

  void start(std::size_t, DeviceStream) override {}  // everything travels at the end

  void finish(DeviceStream compute) override {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      work_.copy_to_host(pinned_.node(i), nodes_[i], elements_, compute);
    while (!work_.idle(compute))
      std::this_thread::yield();  // the rank's own work: nobody else can hold it up
    driver_.finish();
    work_.copy_to_device(nodes_[0], pinned_.node(0), elements_, compute);
  }

  bool capturable() const override { return false; }

 private:
  DeviceWork& work_;
  std::size_t elements_;
  std::vector<float*> nodes_;
  PinnedNodes pinned_;
  ExchangeDriver driver_;
};

}  // namespace

std::unique_ptr<DeviceExchange> make_device_host_exchange(DeviceGroup& group, const ReducerOptions& options,
                                                          std::vector<float*> nodes) {
  return std::make_unique<DeviceHostExchange>(group, options, std::move(nodes));
}

}  // namespace annulus::comm
