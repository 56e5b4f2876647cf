// The skeleton of a lowering on a backend that computes nothing: its values are numbers, its steps names.
#include "trainer/backend/planning/graph_lowering.hpp"

#include <gmock/gmock.h>

#include <string>

#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::ElementsAre;

struct NamedStep {
  std::string name;
};

/// What a value is called; its readers see "name#reader".
using NamedValue = std::string;

struct CountingBuilder {
  int steps = 0;
  void next_step() { ++steps; }
};

using NamedLowered = Lowered<NamedStep, NamedValue>;

NamedLowered make(const std::string& name) { return {std::make_unique<NamedStep>(name), name}; }

FanOut<NamedStep, NamedValue> make_fan_out(CountingBuilder&, const NamedValue& value, std::size_t readers) {
  FanOut<NamedStep, NamedValue> fan_out{std::make_unique<NamedStep>("fan out"), {}};
  for (std::size_t i = 0; i < readers; ++i) fan_out.outputs.push_back(value + "#" + std::to_string(i));
  return fan_out;
}

NamedLowered make_vector_input(CountingBuilder&, const std::vector<NamedVector>& vectors, std::size_t k) {
  return make(vectors[k].name);
}

/// One step a layer, except that an activation runs inside the layer before it.
class NamingLowering final : public GraphLowering<NamingLowering, CountingBuilder, NamedStep, NamedValue> {
 public:
  NamingLowering(CountingBuilder& builder, const Network& network) : GraphLowering(builder, network) {}

  NamedValue image() { return "image"; }
  NamedValue shared(const LayerRef&, const NamedValue& value) { return "shared " + value; }
  NamedValue logits(const LayerRef&, const NamedValue& value) { return "logits " + value; }
  std::unique_ptr<NamedStep> loss(const LayerRef&, const NamedValue&) {
    return std::make_unique<NamedStep>("loss");
  }

  template <class Kind>
  NamedValue lower(const LayerRef& ref, const Kind&) {
    std::vector<NamedValue> inputs;
    for (const int input : ref.layer.inputs) inputs.push_back(take(input));
    if (readers().absorbed(ref.index)) return inputs.front();
    const int reader = readers().only(ref.index);
    if (reader >= 0 && std::holds_alternative<Activate>(readers().ref(reader).layer.operation))
      readers().absorb(reader);
    return append(ref, inputs, [&] { return make(ref.layer.name); });
  }
};

/// "name(inputs) -> output" of each step.
std::vector<std::string> steps_of(const Network& network) {
  CountingBuilder builder;
  std::vector<std::string> text;
  for (const auto& step : NamingLowering(builder, network).run()) {
    std::string inputs;
    for (const NamedValue& input : step.inputs) inputs += (inputs.empty() ? "" : ", ") + input;
    text.push_back(step.step->name + "(" + inputs + ")" + (step.output ? " -> " + *step.output : ""));
  }
  EXPECT_EQ(builder.steps, static_cast<int>(text.size())) << "steps are counted one by one";
  return text;
}

const SampleShape kFour{.channels = 4, .flat = true};

TEST(GraphLowering, HandsValuesFromLayerToReader) {
  const Network network = NetworkBuilder(kFour)
                              .dense({.units = 3}, {.name = "first"})
                              .activate(Activation::relu)
                              .dense({.units = 2}, {.name = "second"})
                              .build();

  EXPECT_THAT(steps_of(network),
              ElementsAre("first(image) -> first", "second(first) -> second", "loss(logits second)"));
}

TEST(GraphLowering, EveryInputOfALayerIsLookedAt) {
  NetworkBuilder net(kFour);
  net.dense({.units = 3}, {.name = "trunk"});
  net.dense({.units = 3}, {.name = "left", .inputs = {"trunk"}});
  net.dense({.units = 3}, {.name = "right", .inputs = {"trunk"}});
  net.add(Concat{}, {.name = "joined", .inputs = {"left", "right"}});
  const Network network = net.dense({.units = 2}, {.name = "out"}).build();

  EXPECT_THAT(steps_of(network),
              ElementsAre("trunk(image) -> trunk", "fan out(shared trunk)", "left(shared trunk#1) -> left",
                          "right(shared trunk#0) -> right", "joined(left, right) -> joined",
                          "out(joined) -> out", "loss(logits out)"));
}

TEST(GraphLowering, VectorsAreStepsAndShareLikeLayers) {
  NetworkBuilder net(kFour);
  net.vector_input({.name = "track", .length = 3});
  net.add(Concat{}, {.name = "early", .inputs = {"input", "track"}});
  net.dense({.units = 3}, {.name = "hidden"});
  net.add(Concat{}, {.name = "late", .inputs = {"hidden", "track"}});
  const Network network = net.dense({.units = 2}, {.name = "out"}).build();

  EXPECT_THAT(steps_of(network),
              ElementsAre("track() -> track", "fan out(shared track)",
                          "early(image, shared track#1) -> early", "hidden(early) -> hidden",
                          "late(hidden, shared track#0) -> late", "out(late) -> out", "loss(logits out)"));
}

}  // namespace
}  // namespace annulus::trainer
