// The keys of a simulation's configuration.
#include "trainer/commands/rich/config.hpp"

#include "trainer/model/config.hpp"
#include "trainer/model/config_overrides.hpp"
#include "trainer/model/config_reader.hpp"

namespace annulus::trainer {
namespace {

enum class Realism { ideal, realistic };

}  // namespace
}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::Realism> {
  static constexpr std::array kWords{"ideal", "realistic"};
};

namespace annulus::trainer {
namespace {

void describe(Fields& fields, rich::SimulationOptions& options) {
  fields.choice("preset", options.preset);
  fields.choice("species", options.mix);
  Realism realism = Realism::ideal;
  fields.choice("realism", realism);
  if (realism == Realism::realistic) make_realistic(options);  // keys that follow win
  fields.integer("seed", options.seed, {0});
  fields.number("tracks", options.tracks, {0, 1000});
  fields.number("lowest_momentum", options.lowest_momentum, {0.1, 150});
  fields.number("highest_momentum", options.highest_momentum, {0.2, 1000});
  fields.number("ghosts_per_track", options.ghosts_per_track, {0, 10});
  fields.number("noise_rich1", options.noise[0], {0, 500});
  fields.number("noise_rich2", options.noise[1], {0, 500});
  fields.number("momentum_error", options.quality.momentum_error, {0, 0.1});
  fields.number("smear_scale", options.quality.smear_scale, {0, 100});
  fields.number("tail_fraction", options.quality.tail_fraction, {0, 1});
  fields.number("tail_scale", options.quality.tail_scale, {0, 100});
  fields.number("lost_fraction", options.quality.lost_fraction, {0, 1});
}

void describe(Fields& fields, rich::CoronaOptions& image) {
  fields.choice("window", image.window);
  fields.choice("coordinates", image.coordinates);
  fields.choice("detectors", image.detectors);
  fields.integer("size", image.size, {4, 256});
  fields.integer("clip", image.clip, {1, 255});
}

}  // namespace

SimulationConfig load_simulation(const std::string& path, const std::vector<std::string>& overrides) {
  YamlNode root{.kind = YamlNode::Kind::mapping, .source = "command line"};
  if (!path.empty()) root = parse_yaml(read_config_text(path), path);
  for (const std::string& text : overrides) apply_override(root, text);

  SimulationConfig config;
  const YamlNode nothing;
  ConfigReader reader(nothing);
  reader.enter(&root, "");
  describe(reader, config.simulation);
  reader.number("validation_fraction", config.simulation.validation_fraction, {0, 1});
  reader.number("test_fraction", config.simulation.test_fraction, {0, 1});
  reader.choice("images", config.images);
  reader.leave();  // finds unknown keys
  check_options(config.simulation);
  return config;
}

RichGenerator load_generator(const std::map<std::string, std::string>& options, std::uint64_t seed) {
  YamlNode root{.kind = YamlNode::Kind::mapping, .source = "data.rich"};
  for (const auto& [key, value] : options)
    root.entries.push_back({key, parse_yaml_value(value, "data.rich")});

  RichGenerator generator;
  generator.simulation.seed = seed;
  const YamlNode nothing;
  ConfigReader reader(nothing);
  reader.enter(&root, "");
  describe(reader, generator.simulation);
  describe(reader, generator.image);
  reader.integer("samples", generator.samples, {1, 1e15});
  reader.integer("validation_samples", generator.validation_samples, {0, 1e9});
  reader.integer("test_samples", generator.test_samples, {1, 1e9});
  reader.leave();  // finds unknown keys
  check_options(generator.simulation);
  return generator;
}

}  // namespace annulus::trainer
