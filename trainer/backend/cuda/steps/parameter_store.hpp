// Parameters and moving averages in device memory, and the order in which they lie there.
#pragma once

#include <span>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/cuda/kernels/step_scalars.hpp"
#include "trainer/backend/cuda/steps/libraries.hpp"

namespace annulus::trainer::cuda {

class ParameterStore {
 public:
  /// Allocates both arenas, zero, and a copy of the parameters in `element` when that is not float32.
  ParameterStore(const Network& network, Element element);

  const ArenaLayout& layout() const { return layout_; }
  float* parameters() const { return parameters_.get(); }
  float* statistics() const { return statistics_.get(); }

  /// A trainable parameter as float32.
  const float* master(int layer, int parameter) const;
  /// The same in the element type of activations; current after refresh().
  const void* weights(int layer, int parameter) const;
  const float* moving(int layer, int parameter) const;
  /// First element of a tensor in the gradient buffer: of its gradient, or of its sums in the head.
  std::size_t gradient(int layer, int parameter) const;

  /// Enqueues the copy in `element`.
  void refresh(cudaStream_t stream) const;
  /// Enqueues what the layers leave to do in a gradient buffer, one kernel: zeros for what no tensor covers,
  /// the head aside, and a drill's NaN in the first parameter's gradient. After that gradient, before any
  /// leaves.
  /// @param scalars  device, or null: no drill
  void enqueue_leftovers(float* gradients, const StepScalars* scalars, cudaStream_t stream) const;

  /// As Replica::read and write, on host memory.
  std::vector<float> read(const Segment& segment, std::span<const float> arena) const;
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const;

 private:
  const Segment& trainable(int layer, int parameter) const;
  const Segment& average(int layer, int parameter) const;
  void find_gaps();

  const Network& network_;
  ArenaLayout layout_;
  Element element_;
  comm::DeviceBuffer<float> parameters_;
  comm::DeviceBuffer<float> statistics_;
  comm::DeviceBuffer<BFloat16> copy_;
  comm::DeviceBuffer<std::uint32_t> gaps_;
};

}  // namespace annulus::trainer::cuda
