// What the project asks of every kind of layer: a plain struct with its settings, and beside it, in the same
// header, a specialisation of LayerTraits. Whatever walks over kinds asks here and names none, so that a new
// kind is a pair of files in this folder, one line in the list of network.hpp, and the code of each backend;
// layer_table.cpp does not compile while something of a kind is missing. Backends see the structs; what is
// declared by name alone here (keys, shapes, costs) is for trainer/model.
//
// Next: pool2d.hpp (a kind with two words), layer_rules.hpp (what rules share), fields.hpp (keys).
#pragma once

#include <array>
#include <concepts>
#include <type_traits>

#include "trainer/model/layers/settings.hpp"

namespace annulus::trainer {

class Fields;         // keys of a configuration: fields.hpp
struct LayerNode;     // a node of the graph: layer_node.hpp
struct LayerContext;  // what rules know of a layer: layer_rules.hpp
struct Cost;          // cost.hpp

enum class Arity { one, several };

/// What the configuration and Keras call a kind; a kind with several words is one struct for several of their
/// types. Every text has to be given, "" included: nullptr does not compile.
template <class Kind>
struct LayerWord {
  const char* word = nullptr;         ///< type in the configuration: "max_pool"
  const char* keras_class = nullptr;  ///< "MaxPooling2D"; "" where Keras has no such layer
  const char* keras_name = nullptr;   ///< start of Keras' default name: "max_pooling2d"
  const char* short_key = nullptr;    ///< what the short form `- dense: 10` sets; "" = there is no such form
  Kind operation = {};                ///< with the defaults of this word

  Kind defaults() const { return operation; }
};

/// A kind that owns memory, like fixed weights, has one word and its own defaults: constants of it would have
/// to be destroyed at compile time, which GCC 12 cannot do under UndefinedBehaviorSanitizer.
template <class Kind>
requires(!std::is_trivially_destructible_v<Kind>) struct LayerWord<Kind> {
  const char* word = nullptr;
  const char* keras_class = nullptr;
  const char* keras_name = nullptr;
  const char* short_key = nullptr;

  Kind defaults() const { return {}; }
};

/// Keys without which a layer says nothing, and how it may be written instead.
struct RequiredKeys {
  std::array<const char*, 2> keys = {};  ///< unused ones are nullptr
  const char* example = "";
};

/// One specialisation per kind, with the members that DescribedLayer lists.
template <class Kind>
struct LayerTraits;

/// Kinds on which an activation may be written describe it among their keys.
template <class Kind>
concept DescribesActivation = requires(Fields& fields, Kind& kind, Activation& activation) {
  { LayerTraits<Kind>::describe(fields, kind, activation) } -> std::same_as<void>;
};

/// Everything that the table of kinds needs to know.
template <class Kind>
concept DescribedLayer = requires(const Kind& kind, Kind& changed, Fields& fields, const LayerNode& layer,
                                  const LayerContext& context) {
  /// std::array of LayerWord<Kind>
  { LayerTraits<Kind>::kWords.front() } -> std::same_as<const LayerWord<Kind>&>;
  /// how many inputs it takes
  { LayerTraits<Kind>::kInputs } -> std::same_as<const Arity&>;
  /// whether `activation` is among its keys
  { LayerTraits<Kind>::kTakesActivation } -> std::same_as<const bool&>;
  { LayerTraits<Kind>::kRequired } -> std::same_as<const RequiredKeys&>;
  /// checks the settings against the inputs, fills in output shape, parameters and resolved padding; throws
  /// UsageError with place, rule and remedy
  { LayerTraits<Kind>::infer(context, changed) } -> std::same_as<void>;
  /// connections and flops for one sample; what all layers have in common is added elsewhere
  { LayerTraits<Kind>::cost(layer, kind) } -> std::same_as<Cost>;
  /// kinds with several words: pointer to the member that tells them apart
  requires LayerTraits<Kind>::kWords.size() == 1 || requires { kind.*LayerTraits<Kind>::kChoice; };
  /// hands its keys with their ranges to the reader or writer
  requires DescribesActivation<Kind>
  == LayerTraits<Kind>::kTakesActivation;
  requires DescribesActivation<Kind> || requires { LayerTraits<Kind>::describe(fields, changed); };
};

}  // namespace annulus::trainer
