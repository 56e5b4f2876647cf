// Steps that move or add tensors: sums of branches, values with several readers, changes of layout.
#include <cstring>

#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

float* floats(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

void add_to(float* __restrict target, const float* __restrict source, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] += source[i];
}

class AddStep final : public Step {
 public:
  AddStep(ProgramBuilder& builder, const std::vector<Value>& inputs, const Value& output)
      : count_(float_count(output.desc)), sum_(builder.memory(output.desc, output.data, Phase::forward)) {
    for (const Value& input : inputs)
      terms_.push_back(builder.memory(input.desc, input.data, Phase::forward));
    if (!output.wants_gradient()) return;
    gradient_ = builder.memory(output.desc, output.gradient, Phase::backward);
    for (const Value& input : inputs)
      if (input.wants_gradient() && input.gradient != output.gradient)
        copies_.push_back(builder.memory(input.desc, input.gradient, Phase::backward));
  }

  void forward(const ShardContext&) override {
    std::memcpy(floats(sum_), floats(terms_.front()), count_ * sizeof(float));
    for (std::size_t i = 1; i < terms_.size(); ++i) add_to(floats(sum_), floats(terms_[i]), count_);
  }
  void backward(const ShardContext&) override {
    for (const dnnl::memory& copy : copies_)
      std::memcpy(floats(copy), floats(gradient_), count_ * sizeof(float));
  }

 private:
  std::size_t count_;
  dnnl::memory sum_, gradient_;
  std::vector<dnnl::memory> terms_, copies_;
};

class FanOutStep final : public Step {
 public:
  FanOutStep(ProgramBuilder& builder, const Value& input, const std::vector<Value>& outputs)
      : count_(float_count(input.desc)) {
    if (!input.wants_gradient()) return;
    for (const Value& output : outputs)
      terms_.push_back(builder.memory(output.desc, output.gradient, Phase::backward));
  }

  void forward(const ShardContext&) override {}
  /// The first reader's gradient is the input's own buffer; the others are added to it.
  void backward(const ShardContext&) override {
    for (std::size_t i = 1; i < terms_.size(); ++i) add_to(floats(terms_[0]), floats(terms_[i]), count_);
  }

 private:
  std::size_t count_;
  std::vector<dnnl::memory> terms_;
};

class ReorderStep final : public Step {
 public:
  ReorderStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output) {
    const std::string purpose = "change the layout for " + step_name(ref, input.desc);
    forward_ = builder.reorder(builder.memory(input.desc, input.data, Phase::forward),
                               builder.memory(output.desc, output.data, Phase::forward), purpose);
    if (input.wants_gradient())
      backward_ = builder.reorder(builder.memory(output.desc, output.gradient, Phase::backward),
                                  builder.memory(input.desc, input.gradient, Phase::backward), purpose);
  }

  void forward(const ShardContext& context) override { forward_.execute(context.stream); }
  void backward(const ShardContext& context) override { backward_.execute(context.stream); }

 private:
  Call forward_, backward_;
};

}  // namespace

Lowered make_add(ProgramBuilder& builder, const LayerRef& ref, const std::vector<Value>& inputs) {
  Value output = inputs.front();
  output.shape = ref.layer.output;
  output.data = builder.buffer();
  output.overwritable = true;
  output.gradient = kNoBuffer;
  for (const Value& input : inputs) {
    expect_contract(input.desc == output.desc && input.pending == Activation::none,
                    "terms of a sum have one layout and no pending derivative");
    // The gradient of a sum is that of each term: the first takes the buffer over, the others get copies.
    if (!output.wants_gradient()) output.gradient = input.gradient;
  }
  return {std::make_unique<AddStep>(builder, inputs, output), output};
}

Lowered make_reorder(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Desc& desc) {
  expect_contract(input.pending == Activation::none, "a layout changes after pending derivatives");
  Value output = input;
  output.desc = desc;
  output.data = builder.buffer();
  output.overwritable = true;
  if (input.wants_gradient()) output.gradient = builder.buffer();
  return {std::make_unique<ReorderStep>(builder, ref, input, output), output};
}

FanOut make_fan_out(ProgramBuilder& builder, const Value& input, std::size_t readers) {
  expect_contract(input.pending == Activation::none, "a value is shared after pending derivatives");
  std::vector<Value> outputs(readers, input);
  for (std::size_t i = 0; i < readers; ++i) {
    outputs[i].overwritable = false;
    if (i > 0 && input.wants_gradient()) outputs[i].gradient = builder.buffer();
  }
  return {std::make_unique<FanOutStep>(builder, input, outputs), outputs};
}

}  // namespace annulus::trainer::cpu
