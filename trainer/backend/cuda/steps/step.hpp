// The units that a network is lowered to, what they are compiled with and what they see when a shard runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "trainer/backend/cuda/kernels/enqueue.hpp"
#include "trainer/backend/cuda/kernels/pool_body.hpp"
#include "trainer/backend/cuda/kernels/step_scalars.hpp"
#include "trainer/backend/cuda/steps/kernel_account.hpp"
#include "trainer/backend/cuda/steps/parameter_store.hpp"
#include "trainer/backend/planning/graph_lowering.hpp"
#include "trainer/backend/planning/memory_plan.hpp"
#include "trainer/backend/planning/program_shape.hpp"

namespace annulus::trainer::cuda {

/// What steps may need to know about the shard that runs. All pointers are device memory.
struct ShardContext {
  cudaStream_t stream = nullptr;
  std::byte* block = nullptr;
  const MemoryPlan* plan = nullptr;
  const float* images = nullptr;
  const float* vectors = nullptr;
  const std::int32_t* labels = nullptr;
  const float* weights = nullptr;
  const float* shares = nullptr;
  const std::uint64_t* samples = nullptr;
  const StepScalars* scalars = nullptr;
  float* gradients = nullptr;      ///< the whole gradient buffer; null in inference
  float* probabilities = nullptr;  ///< inference

  void* at(BufferId buffer) const {
    if (buffer == kInputBuffer) return const_cast<float*>(images);  // steps only read it
    return block + plan->offset(buffer);
  }
  template <class T>
  T* at(BufferId buffer) const {
    return static_cast<T*>(at(buffer));
  }
  float* floats(BufferId buffer) const { return at<float>(buffer); }
};

/// Runs once a shard in each direction; only enqueues. Everything is planned in the constructor.
class Step {
 public:
  virtual ~Step() = default;
  virtual void forward(const ShardContext& context) = 0;
  virtual void backward(const ShardContext& context) = 0;
};

/// An activation tensor between two steps: (samples, H, W, C), or (samples, K).
struct Value {
  SampleShape shape;
  Element element = Element::float32;
  BufferId data = kNoBuffer;
  BufferId gradient = kNoBuffer;  ///< kNoBuffer when nothing before it has parameters
  /// Data went through a ReLU whose derivative the reader takes when it hands the gradient back.
  PendingRelu pending = PendingRelu::no;

  bool wants_gradient() const { return gradient != kNoBuffer; }
};

using Lowered = trainer::Lowered<Step, Value>;
using FanOut = trainer::FanOut<Step, Value>;
/// Debug runs look at its output, and at the gradients of its inputs.
using PlannedStep = trainer::PlannedStep<Step, Value>;

/// Whether a new tensor has a gradient (in training).
enum class Gradient { no, yes };
constexpr Gradient gradient_if(bool wanted) { return wanted ? Gradient::yes : Gradient::no; }

/// What a step is compiled with.
class Compiler {
 public:
  Compiler(Libraries& libraries, const ParameterStore& store, MemoryPlan& plan, ProgramShape shape)
      : libraries_(libraries), store_(store), plan_(plan), shape_(shape) {}

  Libraries& libraries() const { return libraries_; }
  const ParameterStore& store() const { return store_; }
  std::int64_t samples() const { return shape_.samples; }
  bool training() const { return shape_.mode == Mode::training; }
  Element element() const { return libraries_.element(); }
  /// Where steps say which way they run.
  KernelAccount& account() { return account_; }

  void next_step() { plan_.next_step(); }
  /// Notes that the current step uses the buffer in this pass; hands the buffer back.
  BufferId use(BufferId buffer, Pass pass);
  /// A new buffer that only this step uses, in this pass.
  BufferId scratch(std::size_t bytes, Pass pass) { return use(plan_.buffer(bytes), pass); }
  BufferId floats(std::size_t count) { return plan_.buffer(count * sizeof(float)); }

  /// A new tensor that the current step writes, with a gradient when `gradient` says so.
  /// @throws UsageError when it has too many values for the kernels' 32-bit counting
  Value output(const LayerRef& ref, Element element, Gradient gradient);
  /// @throws UsageError likewise
  void expect_countable(const std::string& name, const SampleShape& shape) const;
  /// An input of the network in the element type of activations.
  Value converted_input(const std::string& name, const SampleShape& shape);
  /// One more gradient of a value, for one of several readers.
  BufferId gradient_like(const Value& value);
  /// Values of a tensor.
  std::int64_t count(const Value& value) const { return shape_.samples * value.shape.size(); }
  std::size_t bytes(const Value& value) const {
    return static_cast<std::size_t>(count(value) * bytes_of(value.element));
  }

 private:
  Value tensor(const std::string& name, const SampleShape& shape, Element element);

  Libraries& libraries_;
  const ParameterStore& store_;
  MemoryPlan& plan_;
  ProgramShape shape_;
  KernelAccount account_;
};

}  // namespace annulus::trainer::cuda
