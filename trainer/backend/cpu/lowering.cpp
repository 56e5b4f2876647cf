// Pattern recognition, layer by layer.
#include "trainer/backend/cpu/lowering.hpp"

#include <algorithm>

#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

bool fusable(Activation kind) {
  return kind == Activation::relu || kind == Activation::sigmoid || kind == Activation::tanh;
}

class Lowering final : public GraphLowering<Lowering, ProgramBuilder, Step, Value> {
 public:
  Lowering(ProgramBuilder& builder, const Network& network, const LossOptions& loss)
      : GraphLowering(builder, network), loss_(loss) {}

  Value image();
  Value shared(const LayerRef& ref, const Value& value) { return settled(ref, value); }
  Value logits(const LayerRef& ref, const Value& value) { return flattened(ref, settled(ref, value)); }
  std::unique_ptr<Step> loss(const LayerRef& last, const Value& logits) {
    return make_loss(builder(), last, logits, loss_);
  }

  Value lower(const LayerRef& ref, const Conv2d& conv);
  Value lower(const LayerRef& ref, const Pool2d& pool);
  Value lower(const LayerRef& ref, const GlobalPool& pool);
  Value lower(const LayerRef& ref, const Dense& dense);
  Value lower(const LayerRef& ref, const Flatten&) { return flattened(ref, only_input(ref)); }
  Value lower(const LayerRef& ref, const BatchNorm& norm);
  Value lower(const LayerRef& ref, const LocalResponseNorm& norm);
  Value lower(const LayerRef& ref, const Dropout& dropout);
  Value lower(const LayerRef& ref, const Activate& activate);
  Value lower(const LayerRef& ref, const Add& add);
  Value lower(const LayerRef& ref, const Concat& concat);
  Value lower(const LayerRef& ref, const CircularPad& pad);
  Value lower(const LayerRef& ref, const GroupNorm& norm);

 private:
  Value settled(const LayerRef& ref, const Value& value);
  Value settled_unless(Activation taken, const LayerRef& ref, const Value& value);
  Value settled_input(const LayerRef& ref) { return settled(ref, only_input(ref)); }
  std::vector<Value> settled_inputs(const LayerRef& ref);
  Value reordered(const LayerRef& ref, const Value& value, const Desc& wanted);
  Value flattened(const LayerRef& ref, Value value);
  Value activated(const LayerRef& ref, const Value& value, Activation kind);
  Value pooled(const LayerRef& ref, const Pool2d& pool);

  Activation absorb_activation(const LayerRef& ref);
  const Layer* absorb_pool(const LayerRef& ref, const Value& input);
  bool read_by_dense(int index) const;
  Desc plain(const Value& value, Tag tag) const {
    return float_desc({builder().samples(), value.shape.channels, value.shape.height, value.shape.width},
                      tag);
  }

  const LossOptions& loss_;
};

Value Lowering::image() {
  const SampleShape& shape = readers().network().input;
  Value input;
  input.shape = shape;
  input.desc =
      shape.flat ? float_desc({builder().samples(), shape.channels}, Tag::ab) : plain(input, Tag::abcd);
  input.data = kInputBuffer;
  input.from_data = true;
  return input;
}

/// Takes a pending derivative, for a step that needs the plain gradient.
Value Lowering::settled(const LayerRef& ref, const Value& value) {
  if (value.pending == Activation::none) return value;
  return append(ref, {value}, [&] { return make_activation_gradient(builder(), value); });
}

/// The same for a step that can take the derivative of one activation itself.
Value Lowering::settled_unless(Activation taken, const LayerRef& ref, const Value& value) {
  return value.pending == taken ? value : settled(ref, value);
}

/// The values that a layer reads, in one layout if they are images; no derivative is pending.
std::vector<Value> Lowering::settled_inputs(const LayerRef& ref) {
  std::vector<Value> inputs;
  for (const int input : ref.layer.inputs) {
    Value value = settled(ref, take(input));
    if (!inputs.empty() && !value.flat()) value = reordered(ref, value, inputs.front().desc);
    inputs.push_back(std::move(value));
  }
  return inputs;
}

/// @pre no derivative is pending, or the layout is the wanted one
Value Lowering::reordered(const LayerRef& ref, const Value& value, const Desc& wanted) {
  if (value.desc == wanted) return value;
  return append(ref, {value}, [&] { return make_reorder(builder(), ref, value, wanted); });
}

/// The activation that can run inside this convolution or dense layer: its own, or a layer that follows it.
Activation Lowering::absorb_activation(const LayerRef& ref) {
  const Activation own = ref.layer.activation;
  if (own != Activation::none) return fusable(own) ? own : Activation::none;
  const int reader = readers().only(ref.index);
  if (reader < 0) return Activation::none;
  const auto* next = std::get_if<Activate>(&readers().ref(reader).layer.operation);
  if (next == nullptr || !fusable(next->kind)) return Activation::none;
  readers().absorb(reader);
  return next->kind;
}

/// The max pool behind a convolution, and behind the activation that runs inside it, if one step can run them
/// all.
const Layer* Lowering::absorb_pool(const LayerRef& ref, const Value& input) {
  if (!builder().training()) return nullptr;
  int reader = readers().only(ref.index);
  if (reader >= 0 && readers().absorbed(reader)) reader = readers().only(reader);
  if (reader < 0 || !is_pooled_convolution(ref, input, readers().ref(reader).layer)) return nullptr;
  readers().absorb(reader);
  return &readers().ref(reader).layer;
}

/// Whether every reader is a dense layer, perhaps behind dropout and ReLU: then padding between the values
/// does no harm (it is zero and stays zero).
bool Lowering::read_by_dense(int index) const {
  const std::vector<int>& readers_of = readers().of(index);
  return !readers_of.empty() && std::all_of(readers_of.begin(), readers_of.end(), [&](int reader) {
    const Operation& operation = readers().ref(reader).layer.operation;
    if (std::holds_alternative<Dense>(operation)) return true;
    const auto* activate = std::get_if<Activate>(&operation);
    const bool harmless = (activate && activate->kind == Activation::relu) ||
                          std::holds_alternative<Dropout>(operation) ||
                          std::holds_alternative<Flatten>(operation);
    return harmless && read_by_dense(reader);
  });
}

/// Sees the bytes of an image tensor as a matrix; nothing moves unless a reader needs Keras' order.
Value Lowering::flattened(const LayerRef& ref, Value value) {
  if (!value.flat()) {
    const Desc wanted = read_by_dense(ref.index) ? builder().store().define_flat(ref.index, value.desc)
                                                 : plain(value, Tag::acdb);
    if (value.desc != wanted) value = reordered(ref, settled(ref, value), wanted);
    std::vector<std::uint32_t> order = sample_order(value.desc);
    const auto stored = static_cast<std::int64_t>(float_count(value.desc)) / builder().samples();
    bool identity = order.size() == static_cast<std::size_t>(stored);
    for (std::size_t k = 0; identity && k < order.size(); ++k) identity = order[k] == k;
    value.desc = float_desc({builder().samples(), stored}, Tag::ab);
    if (!identity) value.order = std::make_shared<const std::vector<std::uint32_t>>(std::move(order));
  }
  value.shape = ref.layer.output;
  return value;
}

Value Lowering::activated(const LayerRef& ref, const Value& value, Activation kind) {
  if (kind == Activation::none) return value;
  const Value input = settled(ref, value);
  if (kind == Activation::softmax) {
    readers().expect_last(ref);  // the loss computes it
    return input;
  }
  return append(ref, {input}, [&] { return make_activation(builder(), ref, input, kind); });
}

Value Lowering::lower(const LayerRef& ref, const Conv2d&) {
  const Value input = settled_input(ref);
  const Activation activation = absorb_activation(ref);
  const bool complete = fusable(ref.layer.activation) || ref.layer.activation == Activation::none;
  const Layer* pool = complete ? absorb_pool(ref, input) : nullptr;
  const Value output = append(ref, {input}, [&] {
    return pool ? make_pooled_convolution(builder(), ref, input, {activation, *pool})
                : make_convolution(builder(), ref, input, activation);
  });
  return complete ? output : activated(ref, output, ref.layer.activation);
}

Value Lowering::lower(const LayerRef& ref, const Dense&) {
  const Value input = settled_input(ref);
  const Activation activation = absorb_activation(ref);
  const Value output = append(ref, {input}, [&] { return make_dense(builder(), ref, input, activation); });
  return fusable(ref.layer.activation) ? output : activated(ref, output, ref.layer.activation);
}

Value Lowering::pooled(const LayerRef& ref, const Pool2d& pool) {
  Value input = only_input(ref);
  if (readers().absorbed(ref.index)) return input;
  if (pool.kind != PoolKind::max) input = settled(ref, input);
  return append(ref, {input}, [&] { return make_pool(builder(), ref, input, pool); });
}

Value Lowering::lower(const LayerRef& ref, const Pool2d& pool) { return pooled(ref, pool); }

Value Lowering::lower(const LayerRef& ref, const GlobalPool& pool) {
  const Size2 all{ref.layer.input.height, ref.layer.input.width};
  return flattened(ref, pooled(ref, {pool.kind, all, {1, 1}, {}}));
}

Value Lowering::lower(const LayerRef& ref, const BatchNorm& norm) {
  const Value input = settled_input(ref);
  if (builder().training() && norm.statistics == StatisticsOf::step)
    return append(ref, {input}, [&] { return make_step_norm(builder(), ref, input); });
  return append(ref, {input}, [&] { return make_batch_norm(builder(), ref, input); });
}

Value Lowering::lower(const LayerRef& ref, const LocalResponseNorm&) {
  const Value input = settled_input(ref);
  return append(ref, {input}, [&] { return make_local_response_norm(builder(), ref, input); });
}

Value Lowering::lower(const LayerRef& ref, const Dropout& dropout) {
  if (!builder().training() || dropout.rate == 0.0f) return only_input(ref);
  const Value input = settled_unless(Activation::relu, ref, only_input(ref));
  return append(ref, {input}, [&] { return make_dropout(builder(), ref, input, dropout.rate); });
}

Value Lowering::lower(const LayerRef& ref, const Activate& activate) {
  const Value input = only_input(ref);
  return readers().absorbed(ref.index) ? input : activated(ref, input, activate.kind);
}

Value Lowering::lower(const LayerRef& ref, const Add&) {
  const std::vector<Value> terms = settled_inputs(ref);
  return append(ref, terms, [&] { return make_add(builder(), ref, terms); });
}

Value Lowering::lower(const LayerRef& ref, const Concat&) {
  const std::vector<Value> parts = settled_inputs(ref);
  return append(ref, parts, [&] { return make_concat(builder(), ref, parts); });
}

Value Lowering::lower(const LayerRef& ref, const CircularPad& pad) {
  Value input = settled_unless(Activation::relu, ref, only_input(ref));
  if (!has_rows(input.desc)) input = reordered(ref, settled(ref, input), plain(input, Tag::abcd));
  return append(ref, {input}, [&] { return make_circular_pad(builder(), ref, input, pad); });
}

Value Lowering::lower(const LayerRef& ref, const GroupNorm& norm) {
  const Value input = settled_input(ref);
  return append(ref, {input}, [&] { return make_group_norm(builder(), ref, input, norm); });
}

}  // namespace

std::vector<PlannedStep> lower(ProgramBuilder& builder, const Network& network, const LossOptions& loss) {
  return Lowering(builder, network, loss).run();
}

}  // namespace annulus::trainer::cpu
