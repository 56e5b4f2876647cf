// Inputs with names from the configuration to the summary, and the two layers that are for them.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/network_builder.hpp"
#include "trainer/model/summary.hpp"

namespace annulus::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const kTwoVectors = R"(
data:
  path: some.h5
  inputs: {track: track_features, event: sums}
network:
  inputs: {image: [8, 6, 2], track: [5], event: [2]}
  layers:
    - circular_pad: {width: 1}
    - conv2d: {filters: 4, kernel: 3, padding: {height: 1, width: 0}, activation: relu}
    - flatten: {name: rings}
    - dense: {units: 3, input: track, name: side}
    - concat: {inputs: [event, rings, side]}
    - dense: 4
    - softmax
)";

std::string message_of(const std::vector<std::string>& overrides) {
  try {
    parse_config(kTwoVectors, "a.yaml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(NamedInputs, AreReadWithTheirShapesAndPlaces) {
  const Network network = parse_config(kTwoVectors, "a.yaml").config.network;

  EXPECT_EQ(network.input, (SampleShape{8, 6, 2, false}));
  EXPECT_EQ(network.image_name, "image");
  EXPECT_THAT(network.vectors, ElementsAre(NamedVector{"track", 5}, NamedVector{"event", 2}));
  EXPECT_EQ(network.layers[0].output, (SampleShape{8, 8, 2, false}));
  EXPECT_EQ(network.layers[1].output, (SampleShape{8, 6, 4, false}));
  EXPECT_THAT(network.layers[0].inputs, ElementsAre(kImageIndex));
  EXPECT_THAT(network.layers[3].inputs, ElementsAre(-2));
  EXPECT_THAT(network.layers[4].inputs, ElementsAre(-3, 2, 3));
  EXPECT_EQ(network.layers[4].name, "concatenate");
  EXPECT_EQ(network.layers[4].output, (SampleShape{.channels = 2 + 192 + 3, .flat = true}));
  EXPECT_EQ(network.shape_of(-3), (SampleShape{.channels = 2, .flat = true}));
}

TEST(NamedInputs, ResolvedTextReadsBack) {
  const Config once = parse_config(kTwoVectors, "a.yaml", {"data.inputs.event='event sums'"}).config;

  const Config twice = parse_config(once.yaml, "config.yaml").config;

  EXPECT_EQ(twice.yaml, once.yaml);
  EXPECT_EQ(twice.data.inputs.at("event"), "event sums");
  EXPECT_EQ(twice.network.vectors, once.network.vectors);
  EXPECT_EQ(twice.network.layers[4].inputs, once.network.layers[4].inputs);
  EXPECT_EQ(std::get<CircularPad>(twice.network.layers[0].operation).width, 1);
  EXPECT_THAT(numeric_differences(once, twice), IsEmpty());
}

TEST(NamedInputs, OtherDataOrLengthsCountAsDifferent) {
  const Config one = parse_config(kTwoVectors, "a.yaml").config;
  const auto differences = [&](const std::string& override_text) {
    std::vector<std::string> keys;
    for (const KeyDifference& found :
         numeric_differences(one, parse_config(kTwoVectors, "a.yaml", {override_text}).config))
      keys.push_back(found.key);
    return keys;
  };

  EXPECT_THAT(differences("data.inputs.track=other"), ElementsAre("data.inputs"));
  EXPECT_THAT(differences("network.inputs.track=[6]"), ElementsAre("network.inputs"));
  EXPECT_THAT(differences("network.layers.0.circular_pad.height=0"), IsEmpty());
}

TEST(NamedInputs, OneImageMayHaveANameAlone) {
  const Config config = parse_config(R"(
network:
  inputs: {picture: [4, 4, 1]}
  layers:
    - flatten: {input: picture}
    - dense: 2
    - softmax
)",
                                     "a.yaml")
                            .config;

  EXPECT_THAT(config.yaml, HasSubstr("inputs: {picture: [4, 4, 1]}"));
  EXPECT_THAT(config.network.layers[0].inputs, ElementsAre(kImageIndex));
}

TEST(NamedInputs, MistakesAreNamed) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"network.input=[8, 6, 2]", {"both network.input and network.inputs", "Keep network.inputs"}},
      {"network.inputs=[8, 6, 2]", {"network.inputs is a list", "the image first"}},
      {"network.inputs={}", {"network.inputs is", "must name the inputs"}},
      {"network.inputs.track=[5, 1]", {"network.inputs.track is a list", "flat vectors", "[31]"}},
      {"network.inputs.track=5", {"network.inputs.track is \"5\"", "write their length"}},
      {"network.inputs.track=[0]", {"input track has the length 0"}},
      {"network.inputs.image=[8, 6]", {"network.inputs.image is a list", "[height, width, channels]"}},
      {"network.inputs.input=[3]", {"\"input\" always stands for the image"}},
      {"network.inputs={image: [8, 6, 2], 'a b': [3]}", {"\"a b\"", "letters, digits"}},
      {"network.inputs.spare=[3]", {"no layer uses the network's input spare"}},
      {"network.layers.0.circular_pad.input=track", {"flat vector of 5 values", "slides over an image"}},
      {"network.layers.0.circular_pad.width=7", {"circular_pad", "width is 7", "0 to 6"}},
      {"network.layers.0.circular_pad.width=0", {"height and width are both 0"}},
      {"network.layers.3.dense.name=track", {"an input of the network has this name already"}},
      {"network.layers.4.concat.inputs=[event, conv2d, rings, side]", {"(8, 6, 4)", "joins flat vectors"}},
      {"network.layers.4.concat.inputs=[side]", {"concat needs two or more inputs"}},
      {"network.layers.4.concat.inputs=[side, trak, rings]", {"\"trak\" is not the name", "track"}},
      {"network.layers.3.dense.input=event", {"no layer uses the network's input track"}},
      {"data.inputs={track: track_features}",
       {"an input event of 2 values", "data.inputs does not say", "data.inputs: {event: "}},
      {"data.inputs.spare=more", {"dataset more for an input spare", "does not have"}},
      {"data.inputs=track", {"data.inputs is \"track\"", "name: value"}},
      {"data.inputs.track=[1]", {"data.inputs.track is a list"}},
  };
  for (const auto& [override_text, words] : cases) {
    const std::string message = message_of({override_text});
    for (const std::string& word : words) EXPECT_THAT(message, HasSubstr(word)) << override_text;
  }
  EXPECT_THAT(message_of({"network.layers.0.circular_pad.input=image", "network.layers.2.flatten.input=image",
                          "network.layers.1.conv2d.input=image"}),
              HasSubstr("nothing uses its output"));
}

TEST(NamedInputs, AnImageThatNobodyReadsIsNamed) {
  NetworkBuilder builder({4, 4, 1});
  builder.vector_input({"track", 3}).dense({.units = 2}, {.inputs = {"track"}}).activate(Activation::softmax);

  EXPECT_THROW(builder.build(), UsageError);
}

TEST(NamedInputs, SummaryShowsAllOfThem) {
  const NetworkSummary summary = summarise(parse_config(kTwoVectors, "a.yaml").config.network);

  const std::string table = to_table(summary, "rings");
  const auto json = nlohmann::json::parse(to_json(summary, "rings"));

  EXPECT_THAT(table, HasSubstr("Network rings, image (8, 6, 2), track (5), event (2)"));
  EXPECT_THAT(table, HasSubstr("event, rings, side"));
  EXPECT_EQ(json["input"], nlohmann::json::parse("[8, 6, 2]"));
  EXPECT_EQ(json["inputs"], nlohmann::json::parse(R"({"image": [8, 6, 2], "track": [5], "event": [2]})"));
  EXPECT_EQ(json["layers"][3]["inputs"][0], "track");
}

TEST(NamedInputs, NoGradientOfWhatOnlyCopiesTheImage) {
  const NetworkSummary padded = summarise(parse_config(kTwoVectors, "a.yaml").config.network);
  std::int64_t expected = 0;
  for (const LayerSummary& layer : padded.layers) {
    const bool reads_data = layer.name == "conv2d" || layer.name == "side";  // kernels: forward and weights
    const bool trains = layer.cost.trainable > 0;
    expected += layer.cost.flops * (1 + (reads_data ? 0 : 1) + (trains ? 1 : 0));
  }

  EXPECT_EQ(training_flops(padded), expected);
}

}  // namespace
}  // namespace annulus::trainer
