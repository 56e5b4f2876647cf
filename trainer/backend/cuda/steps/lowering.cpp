// Pattern recognition, layer by layer.
#include "trainer/backend/cuda/steps/lowering.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace annulus::trainer::cuda {
namespace {

class Lowering {
 public:
  Lowering(Compiler& compiler, const Network& network, const LoweringOptions& options)
      : compiler_(compiler), network_(network), options_(options) {
    values_.resize(slot(count()));
    readers_.resize(slot(count()));
    for (int i = 0; i < count(); ++i)
      for (const int input : layer(i).inputs) readers_[slot(input)].push_back(i);
  }

  std::vector<PlannedStep> run();

 private:
  // Layers and values are numbered as in Layer::inputs; the first slots are the network's inputs.
  std::size_t slot(int index) const {
    return static_cast<std::size_t>(static_cast<int>(network_.vectors.size()) + index + 1);
  }
  int count() const { return static_cast<int>(network_.layers.size()); }
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }

  void lower_image();
  void lower_vectors();
  void lower_layer(int index);
  void publish(int index, Value value);
  Value take(int index);
  void add(Lowered lowered, const LayerRef& ref, const Value& input);

  Tail tail_of(int index);
  PendingRelu reader_takes(int index) const;
  Element dense_result(int index) const;

  Value lower(const LayerRef& ref, const Conv2d& operation);
  Value lower(const LayerRef& ref, const Pool2d& operation);
  Value lower(const LayerRef& ref, const GlobalPool& operation);
  Value lower(const LayerRef& ref, const Dense& operation);
  Value lower(const LayerRef& ref, const Flatten& operation);
  Value lower(const LayerRef& ref, const BatchNorm& operation);
  Value lower(const LayerRef& ref, const LocalResponseNorm& operation);
  Value lower(const LayerRef& ref, const Dropout& operation);
  Value lower(const LayerRef& ref, const Activate& operation);
  Value lower(const LayerRef& ref, const Add& operation);
  Value lower(const LayerRef& ref, const Concat& operation);
  Value lower(const LayerRef& ref, const CircularPad& operation);
  Value only_input(const LayerRef& ref) { return take(ref.layer.inputs.front()); }
  std::vector<Value> all_inputs(const LayerRef& ref);

  Compiler& compiler_;
  const Network& network_;
  const LoweringOptions& options_;
  std::vector<std::vector<Value>> values_;  // by slot: one for each reader still to come
  std::vector<std::vector<int>> readers_;   // by slot
  std::vector<bool> absorbed_ = std::vector<bool>(network_.layers.size(), false);
  std::vector<PlannedStep> steps_;
};

std::vector<PlannedStep> Lowering::run() {
  lower_image();
  lower_vectors();
  for (int i = 0; i < count(); ++i) {
    if (i + 1 < count() && readers_[slot(i)].empty())
      throw UsageError(
          "layer {}: its output is not used, so it cannot be trained. Remove it or name it in the inputs of a later layer.",
          layer(i).name);
    lower_layer(i);
  }
  const Value logits = values_[slot(count() - 1)].front();
  compiler_.next_step();
  PlannedStep planned;
  planned.layer = count() - 1;
  planned.step = make_loss(compiler_, logits, options_.loss);
  planned.gradient = logits.gradient;
  planned.gradient_count = compiler_.count(logits);
  steps_.push_back(std::move(planned));
  return std::move(steps_);
}

void Lowering::lower_image() {
  compiler_.expect_countable("the input", network_.input);
  Value input{.shape = network_.input, .element = Element::float32, .data = kInputBuffer};
  if (compiler_.element() != Element::float32) {
    Lowered lowered = make_input(compiler_, network_.input);
    input = lowered.output;
    PlannedStep planned;
    planned.step = std::move(lowered.step);
    steps_.push_back(std::move(planned));
  }
  publish(kImageIndex, input);
}

void Lowering::lower_vectors() {
  compiler_.expect_countable("the vectors beside the images",
                             {.channels = total_length(network_.vectors), .flat = true});
  for (std::size_t k = 0; k < network_.vectors.size(); ++k) {
    compiler_.next_step();
    Lowered lowered = make_vector_input(compiler_, network_.vectors, k);
    PlannedStep planned;
    planned.step = std::move(lowered.step);
    steps_.push_back(std::move(planned));
    publish(vector_index(static_cast<int>(k)), lowered.output);
  }
}

void Lowering::lower_layer(int index) {
  const LayerRef ref{index, layer(index)};
  publish(index,
          std::visit([&](const auto& operation) { return lower(ref, operation); }, ref.layer.operation));
}

/// Gives a finished value to its readers: several share it through a fan-out.
void Lowering::publish(int index, Value value) {
  const std::size_t readers = readers_[slot(index)].size();
  if (readers <= 1) {
    values_[slot(index)] = {value};
    return;
  }
  compiler_.next_step();
  FanOut fan_out = make_fan_out(compiler_, value, readers);
  PlannedStep planned;
  planned.layer = std::max(index, 0);
  planned.step = std::move(fan_out.step);
  planned.gradient = value.gradient;
  planned.gradient_count = compiler_.count(value);
  steps_.push_back(std::move(planned));
  values_[slot(index)] = std::move(fan_out.outputs);
}

Value Lowering::take(int index) {
  std::vector<Value>& values = values_[slot(index)];
  expect_contract(!values.empty(), "a value is there for each of its readers");
  const Value value = values.back();
  values.pop_back();
  return value;
}

void Lowering::add(Lowered lowered, const LayerRef& ref, const Value& input) {
  PlannedStep planned;
  planned.layer = ref.index;
  planned.step = std::move(lowered.step);
  planned.output = lowered.output;
  planned.gradient = input.gradient;
  planned.gradient_count = compiler_.count(input);
  steps_.push_back(std::move(planned));
}

/// Whether the one reader of a layer's output is a max pool or dropout, flattening aside.
PendingRelu Lowering::reader_takes(int index) const {
  if (!compiler_.training()) return PendingRelu::no;
  const std::vector<int>& readers = readers_[slot(index)];
  if (readers.size() != 1) return PendingRelu::no;
  const Operation& operation = layer(readers.front()).operation;
  if (std::holds_alternative<Flatten>(operation)) return reader_takes(readers.front());
  const auto* pool = std::get_if<Pool2d>(&operation);
  const auto* global = std::get_if<GlobalPool>(&operation);
  const auto* dropout = std::get_if<Dropout>(&operation);
  const bool takes = (pool && pool->kind == PoolKind::max) || (global && global->kind == PoolKind::max) ||
                     (dropout && dropout->rate > 0);
  return takes ? PendingRelu::yes : PendingRelu::no;
}

/// The activation that runs inside this layer's step: its own, or a layer that follows it.
Tail Lowering::tail_of(int index) {
  Activation kind = layer(index).activation;
  int end = index;
  const std::vector<int>& readers = readers_[slot(index)];
  if (kind == Activation::none && readers.size() == 1) {
    const auto* next = std::get_if<Activate>(&layer(readers.front()).operation);
    if (next != nullptr && next->kind != Activation::softmax) {
      kind = next->kind;
      end = readers.front();
      absorbed_[static_cast<std::size_t>(end)] = true;
    }
  }
  if (kind == Activation::softmax) {
    if (index + 1 != count())
      throw UsageError(
          "layer {}: softmax is only possible in the last layer, where the loss is computed with it.",
          layer(index).name);
    kind = Activation::none;  // the loss computes it
  }
  return {kind, kind == Activation::relu ? reader_takes(end) : PendingRelu::no};
}

/// Logits are float32: the loss is the one place where their last digits count.
Element Lowering::dense_result(int index) const {
  if (index + 1 == count()) return Element::float32;
  if (layer(index).activation != Activation::none || index + 2 != count()) return compiler_.element();
  const auto* last = std::get_if<Activate>(&layer(index + 1).operation);
  const bool logits =
      last != nullptr && last->kind == Activation::softmax && readers_[slot(index)].size() == 1;
  return logits ? Element::float32 : compiler_.element();
}

Value Lowering::lower(const LayerRef& ref, const Conv2d&) {
  const Value input = only_input(ref);
  const Tail tail = tail_of(ref.index);
  compiler_.next_step();
  add(make_convolution(compiler_, ref, input, tail), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const Dense&) {
  const Value input = only_input(ref);
  const Tail tail = tail_of(ref.index);
  const Element result = tail.activation == Activation::none ? dense_result(ref.index) : compiler_.element();
  compiler_.next_step();
  add(make_dense(compiler_, ref, input, tail, result), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const Pool2d& pool) {
  const Value input = only_input(ref);
  compiler_.next_step();
  add(make_pool(compiler_, ref, input, pool), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const GlobalPool& pool) {
  const Value input = only_input(ref);
  compiler_.next_step();
  const Size2 all{input.shape.height, input.shape.width};
  add(make_pool(compiler_, ref, input, {pool.kind, all, {1, 1}, {}}), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const Flatten&) {
  Value value = only_input(ref);
  value.shape = ref.layer.output;
  return value;
}

Value Lowering::lower(const LayerRef& ref, const BatchNorm&) {
  const Value input = only_input(ref);
  const Tail tail = tail_of(ref.index);
  compiler_.next_step();
  add(make_batch_norm(compiler_, ref, input, tail), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const LocalResponseNorm&) {
  const Value input = only_input(ref);
  compiler_.next_step();
  add(make_local_response_norm(compiler_, ref, input), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const Dropout& dropout) {
  const Value input = only_input(ref);
  if (!compiler_.training() || dropout.rate == 0) return input;
  compiler_.next_step();
  add(make_dropout(compiler_, ref, input, options_.seed), ref, input);
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const Activate& activate) {
  const Value input = only_input(ref);
  if (absorbed_[static_cast<std::size_t>(ref.index)]) return input;
  if (activate.kind == Activation::softmax) {
    if (ref.index + 1 == count()) return input;  // the loss computes it
    throw UsageError(
        "layer {}: softmax is only possible in the last layer, where the loss is computed with it.",
        ref.layer.name);
  }
  Tail tail{activate.kind, PendingRelu::no};
  if (activate.kind == Activation::relu) tail.left_to_reader = reader_takes(ref.index);
  compiler_.next_step();
  add(make_activation(compiler_, ref, input, tail), ref, input);
  return steps_.back().output;
}

std::vector<Value> Lowering::all_inputs(const LayerRef& ref) {
  std::vector<Value> inputs;
  for (const int input : ref.layer.inputs) inputs.push_back(take(input));
  return inputs;
}

Value Lowering::lower(const LayerRef& ref, const Add&) {
  const std::vector<Value> terms = all_inputs(ref);
  const Tail tail = tail_of(ref.index);
  compiler_.next_step();
  add(make_sum(compiler_, ref, terms, tail), ref, terms.front());
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const Concat&) {
  const std::vector<Value> parts = all_inputs(ref);
  compiler_.next_step();
  add(make_concat(compiler_, ref, parts), ref, parts.front());
  return steps_.back().output;
}

Value Lowering::lower(const LayerRef& ref, const CircularPad& pad) {
  const Value input = only_input(ref);
  compiler_.next_step();
  add(make_circular_pad(compiler_, ref, input, pad), ref, input);
  return steps_.back().output;
}

}  // namespace

std::vector<PlannedStep> lower(Compiler& compiler, const Network& network, const LoweringOptions& options) {
  return Lowering(compiler, network, options).run();
}

}  // namespace annulus::trainer::cuda
