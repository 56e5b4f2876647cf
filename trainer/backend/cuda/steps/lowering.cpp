// Pattern recognition, layer by layer.
#include "trainer/backend/cuda/steps/lowering.hpp"

#include "base/error.hpp"

namespace annulus::trainer::cuda {
namespace {

class Lowering final : public GraphLowering<Lowering, Compiler, Step, Value> {
 public:
  Lowering(Compiler& compiler, const Network& network, const LoweringOptions& options)
      : GraphLowering(compiler, network), options_(options) {}

  Value image();
  Value shared(const LayerRef&, const Value& value) { return value; }
  Value logits(const LayerRef&, const Value& value) { return value; }
  std::unique_ptr<Step> loss(const LayerRef&, const Value& logits) {
    return make_loss(builder(), logits, options_.loss);
  }

  Value lower(const LayerRef& ref, const Conv2d& conv);
  Value lower(const LayerRef& ref, const Pool2d& pool);
  Value lower(const LayerRef& ref, const GlobalPool& pool);
  Value lower(const LayerRef& ref, const Dense& dense);
  Value lower(const LayerRef& ref, const Flatten& flatten);
  Value lower(const LayerRef& ref, const BatchNorm& norm);
  Value lower(const LayerRef& ref, const LocalResponseNorm& norm);
  Value lower(const LayerRef& ref, const Dropout& dropout);
  Value lower(const LayerRef& ref, const Activate& activate);
  Value lower(const LayerRef& ref, const Add& add);
  Value lower(const LayerRef& ref, const Concat& concat);
  Value lower(const LayerRef& ref, const CircularPad& pad);
  Value lower(const LayerRef& ref, const GroupNorm& norm);

 private:
  std::vector<Value> all_inputs(const LayerRef& ref);
  Tail tail_of(const LayerRef& ref);
  PendingRelu reader_takes(int index) const;
  Element dense_result(int index) const;

  const LoweringOptions& options_;
};

Value Lowering::image() {
  const Network& network = readers().network();
  builder().expect_countable("the input", network.input);
  builder().expect_countable("the vectors beside the images",
                             {.channels = total_length(network.vectors), .flat = true});
  if (builder().element() == Element::float32)
    return {.shape = network.input, .element = Element::float32, .data = kInputBuffer};
  return append(readers().ref(0), {}, [&] { return make_input(builder(), network.input); });
}

std::vector<Value> Lowering::all_inputs(const LayerRef& ref) {
  std::vector<Value> inputs;
  for (const int input : ref.layer.inputs) inputs.push_back(take(input));
  return inputs;
}

/// Whether the one reader of a layer's output is a max pool or dropout, flattening aside.
PendingRelu Lowering::reader_takes(int index) const {
  const int reader = readers().only(index);
  if (!builder().training() || reader < 0) return PendingRelu::no;
  const Operation& operation = readers().ref(reader).layer.operation;
  if (std::holds_alternative<Flatten>(operation)) return reader_takes(reader);
  const auto* pool = std::get_if<Pool2d>(&operation);
  const auto* global = std::get_if<GlobalPool>(&operation);
  const auto* dropout = std::get_if<Dropout>(&operation);
  const bool takes = (pool && pool->kind == PoolKind::max) || (global && global->kind == PoolKind::max) ||
                     (dropout && dropout->rate > 0);
  return takes ? PendingRelu::yes : PendingRelu::no;
}

/// The activation that runs inside this layer's step: its own, or a layer that follows it.
Tail Lowering::tail_of(const LayerRef& ref) {
  Activation kind = ref.layer.activation;
  int end = ref.index;
  const int reader = readers().only(ref.index);
  if (kind == Activation::none && reader >= 0) {
    const auto* next = std::get_if<Activate>(&readers().ref(reader).layer.operation);
    if (next != nullptr && next->kind != Activation::softmax) {
      kind = next->kind;
      end = reader;
      readers().absorb(end);
    }
  }
  if (kind == Activation::softmax) {
    readers().expect_last(ref);
    kind = Activation::none;  // the loss computes it
  }
  return {kind, kind == Activation::relu ? reader_takes(end) : PendingRelu::no};
}

/// Logits are float32: the loss is the one place where their last digits count.
Element Lowering::dense_result(int index) const {
  const int layers = readers().layers();
  if (index + 1 == layers) return Element::float32;
  if (readers().ref(index).layer.activation != Activation::none || index + 2 != layers)
    return builder().element();
  const auto* last = std::get_if<Activate>(&readers().ref(index + 1).layer.operation);
  const bool logits = last != nullptr && last->kind == Activation::softmax && readers().of(index).size() == 1;
  return logits ? Element::float32 : builder().element();
}

Value Lowering::lower(const LayerRef& ref, const Conv2d&) {
  const Value input = only_input(ref);
  const Tail tail = tail_of(ref);
  return append(ref, {input}, [&] { return make_convolution(builder(), ref, input, tail); });
}

Value Lowering::lower(const LayerRef& ref, const Dense&) {
  const Value input = only_input(ref);
  const Tail tail = tail_of(ref);
  const Element result = tail.activation == Activation::none ? dense_result(ref.index) : builder().element();
  return append(ref, {input}, [&] { return make_dense(builder(), ref, input, tail, result); });
}

Value Lowering::lower(const LayerRef& ref, const Pool2d& pool) {
  const Value input = only_input(ref);
  return append(ref, {input}, [&] { return make_pool(builder(), ref, input, pool); });
}

Value Lowering::lower(const LayerRef& ref, const GlobalPool& pool) {
  return lower(ref, Pool2d{pool.kind, {ref.layer.input.height, ref.layer.input.width}, {1, 1}, {}});
}

Value Lowering::lower(const LayerRef& ref, const Flatten&) {
  Value value = only_input(ref);
  value.shape = ref.layer.output;
  return value;
}

Value Lowering::lower(const LayerRef& ref, const BatchNorm& norm) {
  expect_contract(norm.statistics == StatisticsOf::shard,
                  "statistics of the step are refused before a network gets here");
  const Value input = only_input(ref);
  const Tail tail = tail_of(ref);
  return append(ref, {input}, [&] { return make_batch_norm(builder(), ref, input, tail); });
}

Value Lowering::lower(const LayerRef& ref, const LocalResponseNorm&) {
  const Value input = only_input(ref);
  return append(ref, {input}, [&] { return make_local_response_norm(builder(), ref, input); });
}

Value Lowering::lower(const LayerRef& ref, const Dropout& dropout) {
  const Value input = only_input(ref);
  if (!builder().training() || dropout.rate == 0) return input;
  return append(ref, {input}, [&] { return make_dropout(builder(), ref, input, options_.seed); });
}

Value Lowering::lower(const LayerRef& ref, const Activate& activate) {
  const Value input = only_input(ref);
  if (readers().absorbed(ref.index)) return input;
  if (activate.kind == Activation::softmax) {
    readers().expect_last(ref);  // the loss computes it
    return input;
  }
  Tail tail{activate.kind, PendingRelu::no};
  if (activate.kind == Activation::relu) tail.left_to_reader = reader_takes(ref.index);
  return append(ref, {input}, [&] { return make_activation(builder(), ref, input, tail); });
}

Value Lowering::lower(const LayerRef& ref, const Add&) {
  const std::vector<Value> terms = all_inputs(ref);
  const Tail tail = tail_of(ref);
  return append(ref, terms, [&] { return make_sum(builder(), ref, terms, tail); });
}

Value Lowering::lower(const LayerRef& ref, const Concat&) {
  const std::vector<Value> parts = all_inputs(ref);
  return append(ref, parts, [&] { return make_concat(builder(), ref, parts); });
}

Value Lowering::lower(const LayerRef& ref, const CircularPad& pad) {
  const Value input = only_input(ref);
  return append(ref, {input}, [&] { return make_circular_pad(builder(), ref, input, pad); });
}

Value Lowering::lower(const LayerRef& ref, const GroupNorm& norm) {
  const Value input = only_input(ref);
  return append(ref, {input}, [&] { return make_group_norm(builder(), ref, input, norm); });
}

}  // namespace

std::vector<PlannedStep> lower(Compiler& compiler, const Network& network, const LoweringOptions& options) {
  return Lowering(compiler, network, options).run();
}

}  // namespace annulus::trainer::cuda
