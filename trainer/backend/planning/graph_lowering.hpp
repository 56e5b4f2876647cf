// How a network becomes a list of steps, the same for every backend: in go the layers in their order, out
// come the steps in forward order, the loss last. Values are handed from layer to reader; one that several
// layers read is shared through a fan-out, which sums their gradients. What a kind of layer becomes is the
// backend's: it derives from GraphLowering and has one overload of lower() per kind, all of them, or it does
// not compile.
//
// Invariant: a value is taken once by each of its readers, in the order of the layers; gradients arrive
// in the reverse order, and those of a fan-out are added in one fixed order.
// Next: readers.hpp (who reads what), memory_plan.hpp (where values lie), program_checks.hpp (debug
// runs), and a backend's lowering.cpp.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "trainer/backend/planning/readers.hpp"

namespace annulus::trainer {

/// A planned step and what it puts out.
template <class Step, class Value>
struct Lowered {
  std::unique_ptr<Step> step;
  Value output;
};

/// One value for several readers: `outputs` share the data, their gradients are summed.
template <class Step, class Value>
struct FanOut {
  std::unique_ptr<Step> step;
  std::vector<Value> outputs;
};

/// A step, the layer it stands for, and what debug runs look at.
template <class Step, class Value>
struct PlannedStep {
  std::unique_ptr<Step> step;
  int layer = 0;
  std::optional<Value> output = {};  ///< none for steps that only act in backward
  std::vector<Value> inputs = {};    ///< their gradients are complete after the step's backward
};

template <class Backend, class Kind>
concept Lowers = requires(Backend& backend, const LayerRef& ref, const Kind& kind) {
  backend.lower(ref, kind);
};

/// @tparam Derived  the backend's lowering, with these public members:
///   Value image()                               the network's image
///   Value shared(LayerRef, Value)               made ready for several readers
///   Value logits(LayerRef, Value)               made ready for the loss
///   unique_ptr<Step> loss(LayerRef, Value)      the last step
///   Value lower(LayerRef, Kind)                 for each alternative of Operation
/// @tparam Builder  counts steps by next_step(); make_fan_out and make_vector_input take it
template <class Derived, class Builder, class Step, class Value>
class GraphLowering {
 public:
  using Planned = PlannedStep<Step, Value>;

  /// @throws what the backend's steps throw for a shape that they cannot be planned for
  std::vector<Planned> run();

 protected:
  GraphLowering(Builder& builder, const Network& network)
      : readers_(network), builder_(builder), values_(readers_.slots()) {}

  Builder& builder() { return builder_; }
  const Builder& builder() const { return builder_; }
  Readers& readers() { return readers_; }
  const Readers& readers() const { return readers_; }

  /// The value that a layer reads, one for each of its readers.
  Value take(int index);
  Value only_input(const LayerRef& ref) { return take(ref.layer.inputs.front()); }

  /// Appends the step that `make` plans, as the next one. @return what it puts out
  template <class Make>
  Value append(const LayerRef& ref, std::vector<Value> inputs, const Make& make);

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
  void lower_vectors();
  void lower_layer(const LayerRef& ref);
  void publish(int index, Value value);

  Readers readers_;
  Builder& builder_;
  std::vector<std::vector<Value>> values_;  // by slot: one for each reader still to come
  std::vector<Planned> steps_;
};

template <class Derived, class Builder, class Step, class Value>
auto GraphLowering<Derived, Builder, Step, Value>::run() -> std::vector<Planned> {
  publish(kImageIndex, self().image());
  lower_vectors();
  for (int i = 0; i < readers_.layers(); ++i) lower_layer(readers_.ref(i));
  const LayerRef last = readers_.ref(readers_.layers() - 1);
  const Value logits = self().logits(last, take(last.index));
  builder_.next_step();
  steps_.push_back({.step = self().loss(last, logits), .layer = last.index, .inputs = {logits}});
  return std::move(steps_);
}

template <class Derived, class Builder, class Step, class Value>
void GraphLowering<Derived, Builder, Step, Value>::lower_vectors() {
  const std::vector<NamedVector>& vectors = readers_.network().vectors;
  for (std::size_t k = 0; k < vectors.size(); ++k)
    publish(vector_index(static_cast<int>(k)),
            append(readers_.ref(0), {}, [&] { return make_vector_input(builder_, vectors, k); }));
}

template <class Derived, class Builder, class Step, class Value>
void GraphLowering<Derived, Builder, Step, Value>::lower_layer(const LayerRef& ref) {
  publish(ref.index, std::visit(
                         [&]<class Kind>(const Kind& operation) -> Value {
                           static_assert(Lowers<Derived, Kind>,
                                         "this backend has no overload of lower() for a kind of layer");
                           return self().lower(ref, operation);
                         },
                         ref.layer.operation));
}

/// Gives a finished value to its readers.
template <class Derived, class Builder, class Step, class Value>
void GraphLowering<Derived, Builder, Step, Value>::publish(int index, Value value) {
  std::vector<Value>& values = values_[readers_.slot(index)];
  const std::size_t readers = readers_.of(index).size();
  if (readers <= 1) {
    values = {std::move(value)};
    return;
  }
  const LayerRef ref = readers_.ref(std::max(index, 0));
  value = self().shared(ref, std::move(value));
  builder_.next_step();
  auto fan_out = make_fan_out(builder_, value, readers);
  steps_.push_back({.step = std::move(fan_out.step), .layer = ref.index, .inputs = {std::move(value)}});
  values = std::move(fan_out.outputs);
}

template <class Derived, class Builder, class Step, class Value>
Value GraphLowering<Derived, Builder, Step, Value>::take(int index) {
  std::vector<Value>& values = values_[readers_.slot(index)];
  expect_contract(!values.empty(), "a value is there for each of its readers");
  Value value = std::move(values.back());
  values.pop_back();
  return value;
}

template <class Derived, class Builder, class Step, class Value>
template <class Make>
Value GraphLowering<Derived, Builder, Step, Value>::append(const LayerRef& ref, std::vector<Value> inputs,
                                                           const Make& make) {
  builder_.next_step();
  Lowered<Step, Value> lowered = make();
  steps_.push_back({.step = std::move(lowered.step),
                    .layer = ref.index,
                    .output = lowered.output,
                    .inputs = std::move(inputs)});
  return std::move(lowered.output);
}

}  // namespace annulus::trainer
