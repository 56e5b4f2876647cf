// Turns steps into calls with memory: remembers when each buffer is used, so that all of them can share one
// block, and creates the memory objects whose handles are set once the block is laid out.
#pragma once

#include <string>
#include <vector>

#include "trainer/backend/cpu/onednn.hpp"
#include "trainer/backend/cpu/parameter_store.hpp"

namespace annulus::trainer::cpu {

enum class Phase { forward, backward };
enum class Mode { training, inference };
enum class Direction { in, out };

/// A piece of the block; kNoBuffer for "not wanted".
using BufferId = int;
constexpr BufferId kNoBuffer = -1;

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

struct ProgramShape {
  std::int64_t samples = 1;
  Mode mode = Mode::training;
};

class ProgramBuilder {
 public:
  ProgramBuilder(const dnnl::engine& engine, ParameterStore& store, ProgramShape shape)
      : engine_(engine), store_(store), shape_(shape) {}

  const dnnl::engine& engine() const { return engine_; }
  ParameterStore& store() { return store_; }
  std::int64_t samples() const { return shape_.samples; }
  bool training() const { return shape_.mode == Mode::training; }

  /// From here on, uses belong to the next step.
  void next_step() { ++step_; }

  BufferId buffer() {
    buffers_.push_back({});
    return static_cast<BufferId>(buffers_.size()) - 1;
  }
  /// A tensor in a buffer, used by the current step in this phase.
  dnnl::memory memory(const Desc& desc, BufferId buffer, Phase phase);
  /// The network's input: its handle is set for each shard and it takes no place in the block.
  BufferId input_buffer() { return input_buffer_ = buffer(); }
  const std::vector<dnnl::memory>& inputs() const { return inputs_; }
  /// The gradient of a trainable parameter in the leaf buffer of the shard that runs.
  dnnl::memory gradient(int layer, int parameter);

  /// @param primitive  made from `pd`   @param purpose  for messages: "run the forward pass of conv2d ..."
  template <class PrimitiveDesc>
  Call call(const PrimitiveDesc& pd, const dnnl::primitive& primitive, std::vector<Operand> operands,
            Phase phase, const std::string& purpose) {
    const Desc scratchpad = pd.scratchpad_desc();
    if (scratchpad.get_size() > 0)
      operands.push_back(
          {DNNL_ARG_SCRATCHPAD, memory(scratchpad, buffer(), phase), scratchpad, Direction::in});
    return checked("prepare to " + purpose, [&] { return assemble(primitive, operands, phase, purpose); });
  }
  Call reorder(dnnl::memory from, dnnl::memory to, std::string purpose);

  /// Bytes of the block that holds all buffers, each only while it is used.
  std::size_t plan();
  /// Sets all handles. @pre plan() was called; block is 64-byte aligned
  void place(std::byte* block);

  struct GradientMemory {
    dnnl::memory memory;
    int layer = 0;
    int parameter = 0;
  };
  const std::vector<GradientMemory>& gradients() const { return gradients_; }

 private:
  struct Use {
    int step = 0;
    Phase phase = Phase::forward;
  };
  struct Buffer {
    std::size_t bytes = 0;
    std::size_t offset = 0;
    std::vector<Use> uses;
  };
  struct Placed {
    dnnl::memory memory;
    BufferId buffer = 0;
  };
  Call assemble(const dnnl::primitive& primitive, const std::vector<Operand>& operands, Phase phase,
                const std::string& purpose);
  std::pair<int, int> lifetime(const Buffer& buffer) const;

  dnnl::engine engine_;
  ParameterStore& store_;
  ProgramShape shape_;
  int step_ = 0;
  std::vector<Buffer> buffers_;
  std::vector<Placed> placed_;
  std::vector<GradientMemory> gradients_;
  BufferId input_buffer_ = kNoBuffer;
  std::vector<dnnl::memory> inputs_;
};

}  // namespace annulus::trainer::cpu
