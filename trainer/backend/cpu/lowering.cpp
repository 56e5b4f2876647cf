// Pattern recognition, layer by layer.
#include "trainer/backend/cpu/lowering.hpp"

#include <algorithm>

#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

bool fusable(Activation kind) {
  return kind == Activation::relu || kind == Activation::sigmoid || kind == Activation::tanh;
}

class Lowering {
 public:
  Lowering(ProgramBuilder& builder, const Network& network) : builder_(builder), network_(network) {
    values_.resize(slot(count()));
    readers_.resize(slot(count()));
    for (int i = 0; i < count(); ++i)
      for (const int input : layer(i).inputs) readers_[slot(input)].push_back(i);
  }

  std::vector<PlannedStep> run(const LossOptions& loss);

 private:
  // Layers and values are numbered as in Layer::inputs; the first slots are the network's inputs.
  std::size_t slot(int index) const { return network_.vectors.size() + static_cast<std::size_t>(index + 1); }
  int count() const { return static_cast<int>(network_.layers.size()); }
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }

  void lower_image();
  void lower_vectors();
  void lower_layer(int index);
  void lower_activation(const LayerRef& ref, Activation kind);
  void publish(int index, Value value);
  Value take(int index);

  void add(Lowered lowered, const LayerRef& ref);
  void settle(const LayerRef& ref);
  Activation absorb_activation(int index);
  const Layer* absorb_pool(int index);
  void lower_convolution(const LayerRef& ref);
  void flatten(const LayerRef& ref);
  bool read_by_dense(int index) const;
  std::vector<Value> take_inputs(const LayerRef& ref);
  void lower_sum(const LayerRef& ref);
  void lower_concat(const LayerRef& ref);
  void lower_circular_pad(const LayerRef& ref, const CircularPad& pad);
  Desc plain(const Value& value, Tag tag) const;

  ProgramBuilder& builder_;
  const Network& network_;
  std::vector<std::vector<Value>> values_;  // by slot: one for each reader still to come
  std::vector<std::vector<int>> readers_;   // by slot
  std::vector<bool> absorbed_ = std::vector<bool>(network_.layers.size(), false);
  std::vector<PlannedStep> steps_;
  Value value_;  // what the layer being lowered works on
};

std::vector<PlannedStep> Lowering::run(const LossOptions& loss) {
  lower_image();
  lower_vectors();
  for (int i = 0; i < count(); ++i) {
    if (i + 1 < count() && readers_[slot(i)].empty())
      throw UsageError(
          "layer {}: its output is not used, so it cannot be trained. Remove it or name it in the inputs of a later layer.",
          layer(i).name);
    lower_layer(i);
  }
  const LayerRef last{count() - 1, layer(count() - 1)};
  builder_.next_step();
  PlannedStep planned;
  planned.layer = last.index;
  planned.step = make_loss(builder_, last, value_, loss);
  steps_.push_back(std::move(planned));
  return std::move(steps_);
}

void Lowering::lower_image() {
  const SampleShape& shape = network_.input;
  Value input;
  input.shape = shape;
  input.desc = shape.flat
                   ? float_desc({builder_.samples(), shape.channels}, Tag::ab)
                   : float_desc({builder_.samples(), shape.channels, shape.height, shape.width}, Tag::abcd);
  input.data = builder_.input_buffer();
  input.from_data = true;
  publish(kImageIndex, input);
}

void Lowering::lower_vectors() {
  for (std::size_t k = 0; k < network_.vectors.size(); ++k) {
    builder_.next_step();
    value_ = {};
    add(make_vector_input(builder_, network_, k), {0, layer(0)});
    publish(vector_index(static_cast<int>(k)), value_);
  }
}

/// Gives a finished value to its readers: several share it through a fan-out.
void Lowering::publish(int index, Value value) {
  const std::size_t readers = readers_[slot(index)].size();
  if (readers <= 1) {
    values_[slot(index)] = {std::move(value)};
    return;
  }
  value_ = std::move(value);
  const LayerRef ref{std::max(index, 0), layer(std::max(index, 0))};
  settle(ref);
  builder_.next_step();
  FanOut fan_out = make_fan_out(builder_, value_, readers);
  PlannedStep planned;
  planned.layer = ref.index;
  planned.step = std::move(fan_out.step);
  steps_.push_back(std::move(planned));
  values_[slot(index)] = std::move(fan_out.outputs);
}

Value Lowering::take(int index) {
  std::vector<Value>& values = values_[slot(index)];
  Value value = values.back();
  values.pop_back();
  return value;
}

/// Appends a step that worked on value_, which becomes its output.
void Lowering::add(Lowered lowered, const LayerRef& ref) {
  PlannedStep planned;
  planned.layer = ref.index;
  planned.output = builder_.memory(lowered.output.desc, lowered.output.data, Phase::forward);
  if (builder_.training() && value_.wants_gradient())
    planned.gradient = builder_.memory(value_.desc, value_.gradient, Phase::backward);
  planned.step = std::move(lowered.step);
  steps_.push_back(std::move(planned));
  value_ = std::move(lowered.output);
}

/// Takes a pending derivative before a step that needs the plain gradient.
void Lowering::settle(const LayerRef& ref) {
  if (value_.pending == Activation::none) return;
  builder_.next_step();
  add(make_activation_gradient(builder_, value_), ref);
}

/// The activation that can run inside this convolution or dense layer: its own, or a layer that follows it.
Activation Lowering::absorb_activation(int index) {
  const Activation own = layer(index).activation;
  if (own != Activation::none) return fusable(own) ? own : Activation::none;
  const std::vector<int>& readers = readers_[slot(index)];
  if (readers.size() != 1) return Activation::none;
  const auto* next = std::get_if<Activate>(&layer(readers.front()).operation);
  if (next == nullptr || !fusable(next->kind)) return Activation::none;
  absorbed_[static_cast<std::size_t>(readers.front())] = true;
  return next->kind;
}

/// The max pool behind a convolution, and behind the activation that runs inside it, if one step can run them
/// all.
const Layer* Lowering::absorb_pool(int index) {
  if (!builder_.training()) return nullptr;
  int last = index;
  if (readers_[slot(last)].size() == 1 && absorbed_[static_cast<std::size_t>(readers_[slot(last)].front())])
    last = readers_[slot(last)].front();
  if (readers_[slot(last)].size() != 1) return nullptr;
  const int reader = readers_[slot(last)].front();
  if (!is_pooled_convolution({index, layer(index)}, value_, layer(reader))) return nullptr;
  absorbed_[static_cast<std::size_t>(reader)] = true;
  return &layer(reader);
}

void Lowering::lower_convolution(const LayerRef& ref) {
  settle(ref);
  const Activation activation = absorb_activation(ref.index);
  const bool complete = fusable(ref.layer.activation) || ref.layer.activation == Activation::none;
  const Layer* pool = complete ? absorb_pool(ref.index) : nullptr;
  builder_.next_step();
  add(pool ? make_pooled_convolution(builder_, ref, value_, {activation, *pool})
           : make_convolution(builder_, ref, value_, activation),
      ref);
  if (!complete) lower_activation(ref, ref.layer.activation);
}

/// Whether every reader is a dense layer, perhaps behind dropout and ReLU: then padding between the values
/// does no harm (it is zero and stays zero).
bool Lowering::read_by_dense(int index) const {
  const std::vector<int>& readers = readers_[slot(index)];
  return !readers.empty() && std::all_of(readers.begin(), readers.end(), [&](int reader) {
    const Operation& operation = layer(reader).operation;
    if (std::holds_alternative<Dense>(operation)) return true;
    const auto* activate = std::get_if<Activate>(&operation);
    const bool harmless = (activate && activate->kind == Activation::relu) ||
                          std::holds_alternative<Dropout>(operation) ||
                          std::holds_alternative<Flatten>(operation);
    return harmless && read_by_dense(reader);
  });
}

/// Sees the bytes of an image tensor as a matrix; nothing moves unless a reader needs Keras' order.
void Lowering::flatten(const LayerRef& ref) {
  if (!value_.flat()) {
    const Desc wanted = read_by_dense(ref.index) ? builder_.store().define_flat(ref.index, value_.desc)
                                                 : plain(value_, Tag::acdb);
    if (value_.desc != wanted) {
      settle(ref);
      builder_.next_step();
      add(make_reorder(builder_, ref, value_, wanted), ref);
    }
    std::vector<std::uint32_t> order = sample_order(value_.desc);
    bool identity = order.size() == float_count(value_.desc) / static_cast<std::size_t>(builder_.samples());
    for (std::size_t k = 0; identity && k < order.size(); ++k) identity = order[k] == k;
    const auto stored = static_cast<std::int64_t>(float_count(value_.desc)) / builder_.samples();
    value_.desc = float_desc({builder_.samples(), stored}, Tag::ab);
    if (!identity) value_.order = std::make_shared<const std::vector<std::uint32_t>>(std::move(order));
  }
  value_.shape = ref.layer.output;
}

Desc Lowering::plain(const Value& value, Tag tag) const {
  return float_desc({builder_.samples(), value.shape.channels, value.shape.height, value.shape.width}, tag);
}

void Lowering::lower_activation(const LayerRef& ref, Activation kind) {
  if (kind == Activation::none) return;
  settle(ref);
  if (kind == Activation::softmax) {
    if (ref.index + 1 == count()) return;  // the loss computes it
    builder_.next_step();
    add(make_softmax(builder_, ref, value_), ref);
    return;
  }
  builder_.next_step();
  add(make_activation(builder_, ref, value_, kind), ref);
}

/// The values that a layer reads, in one layout if they are images; no derivative is pending.
std::vector<Value> Lowering::take_inputs(const LayerRef& ref) {
  std::vector<Value> inputs;
  for (const int input : ref.layer.inputs) {
    value_ = take(input);
    settle(ref);
    if (!inputs.empty() && !value_.flat() && value_.desc != inputs.front().desc) {
      builder_.next_step();
      add(make_reorder(builder_, ref, value_, inputs.front().desc), ref);
    }
    inputs.push_back(value_);
  }
  return inputs;
}

void Lowering::lower_sum(const LayerRef& ref) {
  const std::vector<Value> terms = take_inputs(ref);
  builder_.next_step();
  add(make_add(builder_, ref, terms), ref);
}

void Lowering::lower_concat(const LayerRef& ref) {
  const std::vector<Value> parts = take_inputs(ref);
  builder_.next_step();
  add(make_concat(builder_, ref, parts), ref);
}

void Lowering::lower_circular_pad(const LayerRef& ref, const CircularPad& pad) {
  if (value_.pending != Activation::relu) settle(ref);
  if (!has_rows(value_.desc)) {
    settle(ref);
    builder_.next_step();
    add(make_reorder(builder_, ref, value_, plain(value_, Tag::abcd)), ref);
  }
  builder_.next_step();
  add(make_circular_pad(builder_, ref, value_, pad), ref);
}

void Lowering::lower_layer(int index) {
  const LayerRef ref{index, layer(index)};
  const bool several =
      std::holds_alternative<Add>(ref.layer.operation) || std::holds_alternative<Concat>(ref.layer.operation);
  if (!several) value_ = take(ref.layer.inputs.front());
  std::visit(
      [&](const auto& operation) {
        using Kind = std::decay_t<decltype(operation)>;
        if constexpr (std::is_same_v<Kind, Conv2d>) {
          lower_convolution(ref);
        } else if constexpr (std::is_same_v<Kind, Dense>) {
          settle(ref);
          const Activation activation = absorb_activation(index);
          builder_.next_step();
          add(make_dense(builder_, ref, value_, activation), ref);
          if (!fusable(ref.layer.activation)) lower_activation(ref, ref.layer.activation);
        } else if constexpr (std::is_same_v<Kind, Pool2d> || std::is_same_v<Kind, GlobalPool>) {
          if (absorbed_[static_cast<std::size_t>(index)]) return;
          if (operation.kind != PoolKind::max) settle(ref);
          builder_.next_step();
          if constexpr (std::is_same_v<Kind, Pool2d>) {
            add(make_pool(builder_, ref, value_, operation), ref);
          } else {
            const Size2 all{value_.shape.height, value_.shape.width};
            add(make_pool(builder_, ref, value_, {operation.kind, all, {1, 1}, {}}), ref);
            flatten(ref);
          }
        } else if constexpr (std::is_same_v<Kind, Flatten>) {
          flatten(ref);
        } else if constexpr (std::is_same_v<Kind, BatchNorm>) {
          settle(ref);
          builder_.next_step();
          add(make_batch_norm(builder_, ref, value_), ref);
        } else if constexpr (std::is_same_v<Kind, LocalResponseNorm>) {
          settle(ref);
          builder_.next_step();
          add(make_local_response_norm(builder_, ref, value_), ref);
        } else if constexpr (std::is_same_v<Kind, Dropout>) {
          if (!builder_.training() || operation.rate == 0.0f) return;
          if (value_.pending != Activation::relu) settle(ref);
          builder_.next_step();
          add(make_dropout(builder_, ref, value_, operation.rate), ref);
        } else if constexpr (std::is_same_v<Kind, Activate>) {
          if (!absorbed_[static_cast<std::size_t>(index)]) lower_activation(ref, operation.kind);
        } else if constexpr (std::is_same_v<Kind, Concat>) {
          lower_concat(ref);
        } else if constexpr (std::is_same_v<Kind, CircularPad>) {
          lower_circular_pad(ref, operation);
        } else {
          lower_sum(ref);
        }
      },
      ref.layer.operation);
  if (index + 1 == count()) {
    settle(ref);
    flatten(ref);
  }
  publish(index, value_);
}

}  // namespace

std::vector<PlannedStep> lower(ProgramBuilder& builder, const Network& network, const LossOptions& loss) {
  return Lowering(builder, network).run(loss);
}

}  // namespace annulus::trainer::cpu
