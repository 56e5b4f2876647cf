// Calls and the memory plan.
#include "trainer/backend/cpu/program_builder.hpp"

#include <algorithm>
#include <numeric>

namespace annulus::trainer::cpu {

void Call::execute(const dnnl::stream& stream) const {
  for (const Stage& stage : stages_) {
    const dnnl_status_t status =
        dnnl_primitive_execute(stage.primitive.get(), stream.get(), static_cast<int>(stage.arguments.size()),
                               stage.arguments.data());
    if (status != dnnl_success)
      checked(purpose_, [&] { dnnl::error::wrap_c_api(status, "execution failed"); });
  }
}

Call::Stage Call::make_stage(dnnl::primitive primitive,
                             const std::vector<std::pair<int, dnnl::memory>>& arguments) {
  Stage stage{std::move(primitive), {}, {}};
  for (const auto& [argument, memory] : arguments) {
    stage.memories.push_back(memory);
    stage.arguments.push_back({argument, memory.get()});
  }
  return stage;
}

dnnl::memory ProgramBuilder::memory(const Desc& desc, BufferId buffer, Phase phase) {
  expect_contract(buffer != kNoBuffer, "a tensor lies in a buffer");
  if (buffer == input_buffer_) {
    inputs_.push_back(dnnl::memory(desc, engine_, DNNL_MEMORY_NONE));
    return inputs_.back();
  }
  Buffer& piece = buffers_[static_cast<std::size_t>(buffer)];
  piece.bytes = std::max(piece.bytes, desc.get_size());
  piece.uses.push_back({step_, phase});
  placed_.push_back({dnnl::memory(desc, engine_, DNNL_MEMORY_NONE), buffer});
  return placed_.back().memory;
}

dnnl::memory ProgramBuilder::gradient(int layer, int parameter) {
  const Desc* desc = store_.find(layer, parameter);
  expect_contract(desc != nullptr, "a parameter is defined before its gradient");
  gradients_.push_back({dnnl::memory(*desc, engine_, DNNL_MEMORY_NONE), layer, parameter});
  return gradients_.back().memory;
}

Call ProgramBuilder::reorder(dnnl::memory from, dnnl::memory to, std::string purpose) {
  return checked("prepare to " + purpose, [&] {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc pd(engine_, from.get_desc(), engine_, to.get_desc(), attributes);
    expect_contract(pd.scratchpad_desc().get_size() == 0, "plain reorders need no scratchpad");
    Call call;
    call.purpose_ = std::move(purpose);
    call.stages_.push_back(Call::make_stage(dnnl::reorder(pd), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}));
    return call;
  });
}

Call ProgramBuilder::assemble(const dnnl::primitive& primitive, const std::vector<Operand>& operands,
                              Phase phase, const std::string& purpose) {
  Call call;
  call.purpose_ = purpose;
  std::vector<std::pair<int, dnnl::memory>> arguments;
  std::vector<Call::Stage> after;
  for (const Operand& operand : operands) {
    if (operand.memory.get_desc() == operand.wanted) {
      arguments.emplace_back(operand.argument, operand.memory);
      continue;
    }
    const dnnl::memory converted = memory(operand.wanted, buffer(), phase);
    arguments.emplace_back(operand.argument, converted);
    const bool in = operand.direction == Direction::in;
    Call conversion =
        in ? reorder(operand.memory, converted, purpose) : reorder(converted, operand.memory, purpose);
    (in ? call.stages_ : after).push_back(std::move(conversion.stages_.front()));
  }
  call.stages_.push_back(Call::make_stage(primitive, arguments));
  call.stages_.insert(call.stages_.end(), after.begin(), after.end());
  return call;
}

std::pair<int, int> ProgramBuilder::lifetime(const Buffer& buffer) const {
  int first = 2 * step_ + 1, last = 0;
  for (const Use& use : buffer.uses) {
    const int time = use.phase == Phase::forward ? use.step : 2 * step_ + 1 - use.step;
    first = std::min(first, time);
    last = std::max(last, time);
  }
  return {first, last};
}

std::size_t ProgramBuilder::plan() {
  // Largest first, each at the lowest place that no buffer alive at the same time holds.
  std::vector<std::size_t> order(buffers_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::size_t total = 0;
  std::vector<const Buffer*> placed;  // by offset
  for (const std::size_t id : order) {
    Buffer& piece = buffers_[id];
    piece.bytes = (piece.bytes + 63) / 64 * 64;
    const auto [first, last] = lifetime(piece);
    for (const Buffer* other : placed) {
      const auto [other_first, other_last] = lifetime(*other);
      if (other_last < first || last < other_first) continue;
      if (other->offset >= piece.offset + piece.bytes) break;
      piece.offset = std::max(piece.offset, other->offset + other->bytes);
    }
    total = std::max(total, piece.offset + piece.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &piece,
                                   [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; }),
                  &piece);
  }
  return total;
}

void ProgramBuilder::place(std::byte* block) {
  for (const Placed& tensor : placed_) {
    tensor.memory.set_data_handle(block + buffers_[static_cast<std::size_t>(tensor.buffer)].offset);
  }
}

}  // namespace annulus::trainer::cpu
