// One replica of the network in the memory of a GPU: compiled once for each shard size, then only enqueued.
// What runs around it (batches, reduction, updates, graphs) is not known here.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/cuda/kernels/step_scalars.hpp"
#include "trainer/model/precision.hpp"

namespace annulus::trainer::cuda {

class KernelAccount;

/// One shard in device memory. Pointers are 64-byte aligned unless it says otherwise and, for a captured
/// graph, stay where they are.
struct DeviceShard {
  const float* images = nullptr;           ///< (size, H, W, C)
  const float* vectors = nullptr;          ///< (size, total_length(Network::vectors)); 4-byte aligned
  const std::int32_t* labels = nullptr;    ///< (size) in [0, classes): checked by the caller, see below
  const float* weights = nullptr;          ///< (size) io::Shard::weights; null: all one
  const float* shares = nullptr;           ///< (size) io::Shard::shares; null: no sample is mixed
  const std::uint64_t* samples = nullptr;  ///< (size) sample numbers: keys of dropout
  const StepScalars* scalars = nullptr;    ///< one, read by dropout and drills; null without
  std::int64_t size = 0;                   ///< 0 <= size <= shard_samples
};

/// Images of one forward pass in device memory and where its result goes.
struct DevicePrediction {
  const float* images = nullptr;   ///< (size, H, W, C), 64-byte aligned
  const float* vectors = nullptr;  ///< (size, total_length(Network::vectors))
  std::int64_t size = 0;           ///< 0 <= size <= predict_samples
  float* probabilities = nullptr;  ///< (size, classes)
};

/// Belongs to the device that is current when it is made; all calls come from one host thread at a time. All
/// programs take turns in one block of memory: calls on different streams must be ordered by the caller.
class DeviceModel {
 public:
  /// Called on the host while train() enqueues: the first `ready` elements of the gradient buffer are final
  /// once the work enqueued on the stream so far is done. Grows from call to call; the last call names all
  /// elements.
  using Ready = std::function<void(std::size_t ready)>;

  /// Lays out and allocates the parameters (zero) and compiles the program for options.shard_samples.
  /// @throws UsageError for a network that cannot be planned or class weights that do not fit, RuntimeError
  /// when a library refuses, OutOfDeviceMemory
  DeviceModel(const Network& network, const CompileOptions& options, Precision precision);
  ~DeviceModel();
  DeviceModel(const DeviceModel&) = delete;
  DeviceModel& operator=(const DeviceModel&) = delete;

  const Network& network() const;
  const CompileOptions& options() const;
  void set_checks(ValueChecks checks);
  Precision precision() const;

  /// Arenas start at 256-byte boundaries. Kernels of convolutions lie as (filters, kh, kw, Cin / groups),
  /// what cuDNN calls KRSC; everything else lies in Keras' order.
  const ArenaLayout& layout() const;
  float* parameters();  ///< device, layout().trainable_count
  float* statistics();  ///< device, layout().statistics_count

  /// Enqueues what depends on new values of parameters(): the bfloat16 copies. To be called after every
  /// change of the parameters and before the next train() or predict(); does nothing in float32 and tf32.
  /// Capturable.
  void parameters_changed(cudaStream_t stream);

  /// Compiles the program of this shard size now; otherwise train() and predict() do it at their first call
  /// of a size. Compiling allocates, waits for the device and tries kernels out (which also loads them), so
  /// it must not happen while a stream of this thread is captured. Nor should the first train() or predict()
  /// on a stream be captured: libraries may set up what they keep for a stream.
  void prepare_train(std::int64_t samples);
  void prepare_predict(std::int64_t samples);

  /// Gives all programs and their memory back and compiles for smaller shards (and predictions of at most
  /// that size): for finding out what fits. No graph may know of what was compiled before.
  void compile_smaller(std::int64_t samples);

  /// Forward and backward of a shard: fills the whole gradient buffer (head, statistics, gradients, padding),
  /// with zeros for an empty shard. Only enqueues once the size is compiled: no allocation, no wait,
  /// capturable; except with check_values, where it waits after every layer. A label outside [0, classes)
  /// makes the loss NaN; it touches no other memory.
  /// @param gradients  device, gradient_elements(layout()), 64-byte aligned
  /// @throws BadValueError naming the layer when check_values finds NaN or Inf
  void train(const DeviceShard& shard, float* gradients, cudaStream_t stream, const Ready& ready);

  /// Inference: no dropout, moving averages. Only enqueues, as train() does.
  void predict(const DevicePrediction& prediction, cudaStream_t stream);

  /// A tensor of a host copy of an arena from and to Keras' order and extents, as Replica::read and write.
  std::vector<float> read(const Segment& segment, std::span<const float> arena) const;
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const;

  /// Device memory held by activations, gradients of activations and workspaces, in bytes.
  std::size_t activation_bytes() const;
  /// "cuDNN 9.13, cuBLASLt 13.0, bfloat16": for the log.
  std::string describe() const;
  /// Which way the layers of a training shard run.
  const KernelAccount& account() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace annulus::trainer::cuda
