// A model that only holds its tensors, for tests of what works on arenas. Its layout can be Keras' order, or
// one as foreign as a blocked one: tensors last layer first, elements reversed, padded.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

enum class FakeLayout { keras, foreign };

/// conv (3, 3, 2, 4) with bias, batch norm over 4 channels, dense (64, 3) with bias; 12 batch-norm values
/// more.
inline Network small_network() {
  const auto parameter = [](const char* name, Extents extents, bool trainable) {
    Parameter result{.name = name, .extents = std::move(extents), .trainable = trainable};
    result.decays = result.name == "kernel";
    return result;
  };
  const auto layer = [](const char* name, Operation operation, std::vector<Parameter> parameters) {
    Layer result;
    result.name = name;
    result.operation = std::move(operation);
    result.parameters = std::move(parameters);
    return result;
  };
  Network network;
  network.layers.push_back(
      layer("conv/a", Conv2d{}, {parameter("kernel", {3, 3, 2, 4}, true), parameter("bias", {4}, true)}));
  network.layers.push_back(
      layer("norm", BatchNorm{.momentum = 0.75f, .epsilon = 1e-3f},
            {parameter("gamma", {4}, true), parameter("beta", {4}, true),
             parameter("moving_mean", {4}, false), parameter("moving_variance", {4}, false)}));
  network.layers.push_back(
      layer("dense", Dense{}, {parameter("kernel", {64, 3}, true), parameter("bias", {3}, true)}));
  return network;
}

class FakeReplica : public Replica {
 public:
  explicit FakeReplica(Network network = small_network(), FakeLayout order = FakeLayout::keras,
                       int threads = 1)
      : network_(std::move(network)), order_(order), workers_(threads) {
    for (int l = 0; l < static_cast<int>(network_.layers.size()); ++l) {
      const auto& parameters = network_.layers[l].parameters;
      for (int p = 0; p < static_cast<int>(parameters.size()); ++p) place(l, p, parameters[p]);
    }
    if (order == FakeLayout::foreign) reverse_tensors();
    parameters_.assign(layout_.trainable_count, 0.0f);
    statistics_.assign(layout_.statistics_count, 0.0f);
  }

  const Network& network() const override { return network_; }
  const ArenaLayout& layout() const override { return layout_; }
  io::PixelLayout pixel_layout() const override { return io::PixelLayout::channels_last; }
  WorkerPool& workers() override { return workers_; }
  std::span<float> parameters() override { return parameters_; }
  std::span<float> statistics() override { return statistics_; }
  void train(const io::Batch&, comm::GradientReducer&) override {}
  void predict(const PredictBlock&) override {}
  void set_checks(ValueChecks) override {}
  const char* kind() const override { return "fake"; }
  std::string describe() const override { return "fake"; }

  std::vector<float> read(const Segment& segment, std::span<const float> arena) const override {
    const auto extents = network_.layers[segment.layer].parameters[segment.parameter].extents;
    const auto begin = arena.begin() + static_cast<std::ptrdiff_t>(segment.offset);
    std::vector<float> values(begin, begin + element_count(extents));
    if (order_ == FakeLayout::foreign) std::reverse(values.begin(), values.end());
    return values;
  }
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const override {
    const auto target = arena.begin() + static_cast<std::ptrdiff_t>(segment.offset);
    std::copy(values.begin(), values.end(), target);
    if (order_ == FakeLayout::foreign)
      std::reverse(target, target + static_cast<std::ptrdiff_t>(values.size()));
  }

 private:
  void place(int layer, int index, const Parameter& parameter) {
    const auto count = static_cast<std::size_t>(element_count(parameter.extents));
    std::size_t& end = parameter.trainable ? layout_.trainable_count : layout_.statistics_count;
    (parameter.trainable ? layout_.trainable : layout_.statistics)
        .push_back({.layer = layer, .parameter = index, .offset = end, .count = count});
    end += parameter.trainable ? (count + 15) / 16 * 16 : count;
  }
  void reverse_tensors() {
    std::reverse(layout_.trainable.begin(), layout_.trainable.end());
    std::size_t end = 0;
    for (Segment& segment : layout_.trainable) {
      segment.offset = end;
      segment.count = (segment.count + 15) / 16 * 16;  // padding belongs to the tensor in a blocked layout
      end += segment.count;
    }
  }

  Network network_;
  FakeLayout order_;
  WorkerPool workers_;
  ArenaLayout layout_;
  std::vector<float> parameters_;
  std::vector<float> statistics_;
};

/// Fills an arena so that every element has its own value, the same for every layout; padding stays zero.
inline void fill_trainable(const Replica& replica, std::span<float> arena, std::uint32_t item) {
  const Network& network = replica.network();
  for (const Segment& segment : replica.layout().trainable) {
    RandomStream random(7, Purpose::test, item,
                        static_cast<std::uint64_t>(segment.layer * 16 + segment.parameter));
    const auto& extents = network.layers[segment.layer].parameters[segment.parameter].extents;
    std::vector<float> values(static_cast<std::size_t>(element_count(extents)));
    for (float& value : values) value = random.uniform(-1.0f, 1.0f);
    replica.write(segment, values, arena);
  }
}

/// The same for the moving averages.
inline void fill_statistics(Replica& replica, std::uint32_t item) {
  RandomStream random(9, Purpose::test, item, 0);
  for (float& value : replica.statistics()) value = random.unit();
}

}  // namespace annulus::trainer
