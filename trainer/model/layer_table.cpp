// Walks over the kinds of the variant Operation at compile time, and over the table at run time.
#include "trainer/model/layer_table.hpp"

#include <algorithm>

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {
namespace {

template <class Kind>
constexpr bool has_all_words() {
  return std::ranges::all_of(LayerTraits<Kind>::kWords, [](const LayerWord<Kind>& word) {
    return word.word != nullptr && word.keras_class != nullptr && word.keras_name != nullptr &&
           word.short_key != nullptr;
  });
}

template <class Kind>
void append_types(std::vector<LayerType>& table) {
  static_assert(DescribedLayer<Kind>, "LayerTraits of this kind lack a member, see layers/layer_traits.hpp");
  static_assert(has_all_words<Kind>(), "a word of this kind lacks a text, see layers/layer_traits.hpp");
  using Traits = LayerTraits<Kind>;
  for (const LayerWord<Kind>& word : Traits::kWords)
    table.push_back({word.word, word.keras_class, word.keras_name, word.short_key, word.defaults(),
                     Traits::kInputs, Traits::kTakesActivation, Traits::kRequired});
}

template <class... Kinds>
std::vector<LayerType> table_of(const std::variant<Kinds...>&) {
  std::vector<LayerType> table;
  (append_types<Kinds>(table), ...);
  return table;
}

/// The word that a kind goes by: its only one, or that of its choice.
template <class Kind>
const char* word_for(const Kind& operation) {
  constexpr auto& words = LayerTraits<Kind>::kWords;
  if constexpr (words.size() == 1) {
    return words.front().word;
  } else {
    constexpr auto choice = LayerTraits<Kind>::kChoice;
    const auto found = std::ranges::find_if(
        words, [&](const LayerWord<Kind>& word) { return word.operation.*choice == operation.*choice; });
    expect_contract(found != words.end(), "every operation of a layer has a word");
    return found->word;
  }
}

template <class Kind>
void describe_kind(Fields& fields, Kind& kind, [[maybe_unused]] Activation& activation) {
  if constexpr (LayerTraits<Kind>::kTakesActivation) {
    LayerTraits<Kind>::describe(fields, kind, activation);
  } else {
    LayerTraits<Kind>::describe(fields, kind);
  }
}

void check_totals(const LayerContext& context) {
  const LayerNode& layer = context.layer;
  if (layer.output.size() > NetworkLimits::kActivations || layer.output.height > NetworkLimits::kImageSide ||
      layer.output.width > NetworkLimits::kImageSide) {
    throw UsageError("{}: its output ({}) has {} values per sample, more than the limit of {}.",
                     context.place, to_string(layer.output), layer.output.size(),
                     NetworkLimits::kActivations);
  }
  if (parameter_count(layer) > NetworkLimits::kParameters) {
    throw UsageError(
        "{}: it would have {} parameters, more than the limit of {}. Pool more before it or make it smaller.",
        context.place, parameter_count(layer), NetworkLimits::kParameters);
  }
}

}  // namespace

const std::vector<LayerType>& layer_table() {
  static const std::vector<LayerType> table = table_of(Operation{});
  return table;
}

const std::vector<std::string>& layer_types() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> list;
    for (const LayerType& type : layer_table()) list.push_back(type.word);
    return list;
  }();
  return words;
}

const LayerType& layer_type(const std::string& word) {
  const auto found = std::ranges::find(layer_table(), word, &LayerType::word);
  expect_contract(found != layer_table().end(), "the word is one of layer_types()");
  return *found;
}

const LayerType& type_of(const Operation& operation) {
  return layer_type(std::visit([](const auto& kind) { return word_for(kind); }, operation));
}

std::string words_with(bool (*property)(const LayerType&)) {
  std::vector<std::string> words;
  for (const LayerType& type : layer_table())
    if (property(type)) words.push_back(type.word);
  if (words.size() < 2) return words.empty() ? "no layers" : words.front();
  const std::string last = words.back();
  words.pop_back();
  return fmt::format("{} and {}", fmt::join(words, ", "), last);
}

void describe(Fields& fields, LayerDraft& draft) {
  fields.text("name", draft.options.name);
  std::visit([&](auto& kind) { describe_kind(fields, kind, draft.options.activation); }, draft.operation);
  fields.inputs(draft.options.inputs);
}

std::string place_of(const Layer& layer, const std::string& source) {
  const std::string where = layer.line > 0 ? fmt::format("{}:{}", source, layer.line) : source;
  return fmt::format("{}: layer {} ({})", where, layer.name, layer.type);
}

void infer(Layer& layer, const std::vector<SampleShape>& inputs, const std::string& source, EdgeRule edges) {
  const LayerContext context{layer, inputs, place_of(layer, source), edges};
  const auto by_kind = [&]<class Kind>(Kind& kind) { LayerTraits<Kind>::infer(context, kind); };
  std::visit(by_kind, layer.operation);
  check_totals(context);
}

Cost cost_of(const Layer& layer) {
  const auto by_kind = [&]<class Kind>(const Kind& kind) { return LayerTraits<Kind>::cost(layer, kind); };
  Cost cost = std::visit(by_kind, layer.operation);
  cost.parameters = parameter_count(layer);
  for (const Parameter& parameter : layer.parameters) {
    const std::int64_t count = element_count(parameter.extents);
    if (parameter.trainable) (parameter.fixed.empty() ? cost.trainable : cost.fixed) += count;
  }
  cost.activation_bytes = layer.output.size() * static_cast<std::int64_t>(sizeof(float));
  return cost;
}

}  // namespace annulus::trainer
