// Steps that move or add tensors: sums of branches, rows joined, values with several readers, changes of
// layout.
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
      : count_(float_count(output.desc)), sum_(builder.memory(output.desc, output.data, Pass::forward)) {
    for (const Value& input : inputs) terms_.push_back(builder.memory(input.desc, input.data, Pass::forward));
    if (!output.wants_gradient()) return;
    gradient_ = builder.memory(output.desc, output.gradient, Pass::backward);
    for (const Value& input : inputs)
      if (input.wants_gradient() && input.gradient != output.gradient)
        copies_.push_back(builder.memory(input.desc, input.gradient, Pass::backward));
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

/// Copies the rows of several matrices into one, and back.
class ConcatStep final : public Step {
 public:
  ConcatStep(ProgramBuilder& builder, const std::vector<Value>& inputs, const Value& output)
      : samples_(static_cast<std::size_t>(builder.samples())),
        row_(float_count(output.desc) / samples_),
        joined_(builder.memory(output.desc, output.data, Pass::forward)) {
    if (output.wants_gradient()) gradient_ = builder.memory(output.desc, output.gradient, Pass::backward);
    std::size_t offset = 0;
    for (const Value& input : inputs) {
      Part part{offset,
                float_count(input.desc) / samples_,
                builder.memory(input.desc, input.data, Pass::forward),
                {}};
      if (input.wants_gradient()) part.gradient = builder.memory(input.desc, input.gradient, Pass::backward);
      offset += part.length;
      parts_.push_back(std::move(part));
    }
    expect_contract(offset == row_, "the inputs of concat fill its rows");
  }

  void forward(const ShardContext&) override {
    for (const Part& part : parts_)
      copy_rows({floats(part.data), part.length}, {floats(joined_) + part.offset, row_}, part.length);
  }
  void backward(const ShardContext&) override {
    for (const Part& part : parts_)
      if (part.gradient)
        copy_rows({floats(gradient_) + part.offset, row_}, {floats(part.gradient), part.length}, part.length);
  }

 private:
  struct Part {
    std::size_t offset = 0;  ///< in a row of the output
    std::size_t length = 0;
    dnnl::memory data, gradient;
  };
  struct Rows {
    float* first;
    std::size_t stride;
  };
  void copy_rows(Rows from, Rows to, std::size_t length) const {
    for (std::size_t i = 0; i < samples_; ++i)
      std::memcpy(to.first + i * to.stride, from.first + i * from.stride, length * sizeof(float));
  }

  std::size_t samples_;
  std::size_t row_;
  dnnl::memory joined_, gradient_;
  std::vector<Part> parts_;
};

class VectorInputStep final : public Step {
 public:
  VectorInputStep(ProgramBuilder& builder, const std::vector<NamedVector>& vectors, std::size_t k,
                  const Value& output)
      : row_(static_cast<std::size_t>(total_length(vectors))),
        length_(static_cast<std::size_t>(vectors[k].length)),
        samples_(static_cast<std::size_t>(builder.samples())),
        target_(builder.memory(output.desc, output.data, Pass::forward)) {
    for (std::size_t i = 0; i < k; ++i) offset_ += static_cast<std::size_t>(vectors[i].length);
  }

  void forward(const ShardContext& context) override {
    for (std::size_t i = 0; i < samples_; ++i)
      std::memcpy(floats(target_) + i * length_, context.vectors.data() + i * row_ + offset_,
                  length_ * sizeof(float));
  }
  void backward(const ShardContext&) override {}

 private:
  std::size_t row_, length_, samples_;
  std::size_t offset_ = 0;
  dnnl::memory target_;
};

class FanOutStep final : public Step {
 public:
  FanOutStep(ProgramBuilder& builder, const Value& input, const std::vector<Value>& outputs)
      : count_(float_count(input.desc)) {
    if (!input.wants_gradient()) return;
    for (const Value& output : outputs)
      terms_.push_back(builder.memory(output.desc, output.gradient, Pass::backward));
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
    forward_ = builder.reorder(builder.memory(input.desc, input.data, Pass::forward),
                               builder.memory(output.desc, output.data, Pass::forward), purpose);
    if (input.wants_gradient())
      backward_ = builder.reorder(builder.memory(output.desc, output.gradient, Pass::backward),
                                  builder.memory(input.desc, input.gradient, Pass::backward), purpose);
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
    output.from_data = output.from_data && input.from_data;
    // The gradient of a sum is that of each term: the first takes the buffer over, the others get copies.
    if (!output.wants_gradient()) output.gradient = input.gradient;
  }
  return {std::make_unique<AddStep>(builder, inputs, output), output};
}

Lowered make_concat(ProgramBuilder& builder, const LayerRef& ref, const std::vector<Value>& inputs) {
  Value output;
  output.shape = ref.layer.output;
  output.desc = float_desc({builder.samples(), output.shape.channels}, Tag::ab);
  output.data = builder.buffer();
  output.overwritable = true;
  output.from_data = true;
  for (const Value& input : inputs) {
    expect_contract(input.flat() && !input.order && input.pending == Activation::none,
                    "concat joins plain rows with no pending derivative");
    output.from_data = output.from_data && input.from_data;
    if (input.wants_gradient() && !output.wants_gradient()) output.gradient = builder.buffer();
  }
  return {std::make_unique<ConcatStep>(builder, inputs, output), output};
}

Lowered make_vector_input(ProgramBuilder& builder, const std::vector<NamedVector>& vectors, std::size_t k) {
  Value output;
  output.shape = {.channels = vectors[k].length, .flat = true};
  output.desc = float_desc({builder.samples(), output.shape.channels}, Tag::ab);
  output.data = builder.buffer();
  output.overwritable = true;
  output.from_data = true;
  return {std::make_unique<VectorInputStep>(builder, vectors, k, output), output};
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
