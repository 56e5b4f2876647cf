// Turns steps into calls with memory: notes in the memory plan when each buffer is used, and creates the
// memory objects whose handles are set once the block is laid out.
#pragma once

#include <string>
#include <vector>

#include "trainer/backend/cpu/onednn.hpp"
#include "trainer/backend/cpu/parameter_store.hpp"
#include "trainer/backend/planning/memory_plan.hpp"
#include "trainer/backend/planning/program_shape.hpp"

namespace annulus::trainer::cpu {

enum class Direction { in, out };

/// An argument of a primitive: the tensor as it is stored, and the layout that the primitive wants.
struct Operand {
  int argument = 0;  ///< DNNL_ARG_...
  dnnl::memory memory;
  Desc wanted;
  Direction direction = Direction::in;
};

/// A primitive with everything it needs, reorders of mismatching operands included. Executing it allocates
/// nothing.
class Call {
 public:
  Call() = default;
  void execute(const dnnl::stream& stream) const;
  explicit operator bool() const { return !stages_.empty(); }

 private:
  friend class ProgramBuilder;
  struct Stage {
    dnnl::primitive primitive;
    std::vector<dnnl::memory> memories;  // keeps the handles in `arguments` alive
    std::vector<dnnl_exec_arg_t> arguments;
  };
  static Stage make_stage(dnnl::primitive primitive,
                          const std::vector<std::pair<int, dnnl::memory>>& arguments);
  std::string purpose_;
  std::vector<Stage> stages_;
};

class ProgramBuilder {
 public:
  /// @param plan  outlives it
  ProgramBuilder(const dnnl::engine& engine, ParameterStore& store, MemoryPlan& plan, ProgramShape shape)
      : engine_(engine), store_(store), plan_(plan), shape_(shape) {}

  const dnnl::engine& engine() const { return engine_; }
  ParameterStore& store() { return store_; }
  std::int64_t samples() const { return shape_.samples; }
  bool training() const { return shape_.mode == Mode::training; }

  /// From here on, uses belong to the next step.
  void next_step() { plan_.next_step(); }

  /// A new buffer, as large as the largest tensor in it.
  BufferId buffer() { return plan_.buffer(); }
  /// A tensor in a buffer, used by the current step in this pass.
  dnnl::memory memory(const Desc& desc, BufferId buffer, Pass pass);
  /// The tensors in kInputBuffer: their handles are set for each shard.
  const std::vector<dnnl::memory>& inputs() const { return inputs_; }
  /// The gradient of a trainable parameter in the leaf buffer of the shard that runs.
  dnnl::memory gradient(int layer, int parameter);

  /// @param primitive  made from `pd`   @param purpose  for messages: "run the forward pass of conv2d ..."
  template <class PrimitiveDesc>
  Call call(const PrimitiveDesc& pd, const dnnl::primitive& primitive, std::vector<Operand> operands,
            Pass pass, const std::string& purpose) {
    kernels_ += purpose + ": " + pd.impl_info_str() + "\n";
    const Desc scratchpad = pd.scratchpad_desc();
    if (scratchpad.get_size() > 0)
      operands.push_back(
          {DNNL_ARG_SCRATCHPAD, memory(scratchpad, buffer(), pass), scratchpad, Direction::in});
    return checked("prepare to " + purpose, [&] { return assemble(primitive, operands, pass, purpose); });
  }
  Call reorder(dnnl::memory from, dnnl::memory to, std::string purpose);

  /// Sets all handles. @pre the plan was laid out; block is 64-byte aligned
  void place(std::byte* block);

  struct GradientMemory {
    dnnl::memory memory;
    int layer = 0;
    int parameter = 0;
  };
  const std::vector<GradientMemory>& gradients() const { return gradients_; }

  /// The implementations that the library has chosen so far, a line a call.
  const std::string& kernels() const { return kernels_; }

 private:
  struct Placed {
    dnnl::memory memory;
    BufferId buffer = 0;
  };
  Call assemble(const dnnl::primitive& primitive, const std::vector<Operand>& operands, Pass pass,
                const std::string& purpose);

  dnnl::engine engine_;
  ParameterStore& store_;
  MemoryPlan& plan_;
  ProgramShape shape_;
  std::vector<Placed> placed_;
  std::vector<GradientMemory> gradients_;
  std::vector<dnnl::memory> inputs_;
  std::string kernels_;
};

}  // namespace annulus::trainer::cpu
