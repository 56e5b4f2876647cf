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

dnnl::memory ProgramBuilder::memory(const Desc& desc, BufferId buffer, Pass pass) {
  expect_contract(buffer != kNoBuffer, "a tensor lies in a buffer");
  if (buffer == kInputBuffer) {
    inputs_.push_back(dnnl::memory(desc, engine_, DNNL_MEMORY_NONE));
    return inputs_.back();
  }
  plan_.use(buffer, pass, desc.get_size());
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
                              Pass pass, const std::string& purpose) {
  Call call;
  call.purpose_ = purpose;
  std::vector<std::pair<int, dnnl::memory>> arguments;
  std::vector<Call::Stage> after;
  for (const Operand& operand : operands) {
    if (operand.memory.get_desc() == operand.wanted) {
      arguments.emplace_back(operand.argument, operand.memory);
      continue;
    }
    const dnnl::memory converted = memory(operand.wanted, buffer(), pass);
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

void ProgramBuilder::place(std::byte* block) {
  for (const Placed& tensor : placed_) tensor.memory.set_data_handle(block + plan_.offset(tensor.buffer));
}

}  // namespace annulus::trainer::cpu
