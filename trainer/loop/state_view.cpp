// See state_view.hpp. Characters of layer names that paths cannot hold are written as %XX.
#include "trainer/loop/state_view.hpp"

#include <algorithm>

#include "base/enum_words.hpp"
#include "base/error.hpp"
#include "trainer/backend/rules/optimizer_rules.hpp"

namespace annulus::trainer {
namespace {

constexpr std::size_t kStatistics = 1;
constexpr std::size_t kFirstState = 2;

/// A layer's name as one component of a path.
std::string escape(const std::string& name) {
  expect_contract(!name.empty(), "every layer has a name");
  std::string escaped;
  for (const char c : name) {
    const bool leading_dot = c == '.' && escaped.empty();
    if (c == '/' || c == '%' || static_cast<unsigned char>(c) < 0x20 || leading_dot)
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      escaped += c;
  }
  return escaped;
}

std::string path_of(const std::string& group, const TensorPlace& place) {
  return group + "/" + escape(place.layer) + "/" + place.name;
}

}  // namespace

StateView view_of(Replica& replica, Optimizer& optimizer) {
  StateView view{.arenas = {{"parameters", replica.parameters()}, {"statistics", replica.statistics()}},
                 .updates = optimizer.steps()};
  for (const StateArena& state : optimizer.states()) view.arenas.push_back({state.name, state.values});
  return view;
}

std::vector<StateTensor> state_tensors(const Replica& replica, const StateView& state) {
  const std::vector<TensorPlace> places = list_tensors(replica.network(), replica.layout());
  std::vector<StateTensor> tensors;
  for (const TensorPlace& place : places) {
    const bool trained = place.arena == TensorPlace::Arena::parameters;
    tensors.push_back({path_of("parameters", place), place, trained ? 0 : kStatistics});
  }
  for (std::size_t arena = kFirstState; arena < state.arenas.size(); ++arena)
    for (const TensorPlace& place : places)
      if (place.arena == TensorPlace::Arena::parameters)
        tensors.push_back({path_of("optimizer/" + state.arenas[arena].name, place), place, arena});
  return tensors;
}

std::optional<std::vector<std::string>> states_in_order(std::vector<std::string> names) {
  std::ranges::sort(names);
  for (std::size_t kind = 0; kind < enum_words<OptimizerKind>().size(); ++kind)
    for (const double momentum : {0.0, 0.9})
      for (const bool centered : {false, true}) {
        const std::vector<std::string> ordered = state_names(
            {.kind = static_cast<OptimizerKind>(kind), .momentum = momentum, .centered = centered});
        std::vector<std::string> sorted = ordered;
        std::ranges::sort(sorted);
        if (sorted == names) return ordered;
      }
  return std::nullopt;
}

std::vector<float> read_tensor(const Replica& replica, const StateTensor& tensor, const StateView& state) {
  return read_tensor(replica, tensor.place, state.arenas[tensor.arena].values);
}

void write_tensor(Replica& replica, Optimizer& optimizer, const StateTensor& tensor,
                  std::span<const float> values) {
  const std::span<float> arena = tensor.arena < kFirstState
                                     ? arena_of(replica, tensor.place)
                                     : optimizer.states().at(tensor.arena - kFirstState).values;
  write_tensor(replica, tensor.place, values, arena);
}

}  // namespace annulus::trainer
