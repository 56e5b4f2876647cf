#include "trainer/commands/generators.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "rich/images/endless_source.hpp"
#include "trainer/commands/rich/config.hpp"

namespace annulus::trainer {
namespace {

constexpr const char* kFeatures = "track_features";
/// As with files, debugging takes a small subset.
constexpr std::uint64_t kDebugSamples = 1024;

rich::GeneratorOptions options_of(const Config& config, const RichGenerator& generator) {
  rich::GeneratorOptions options{.simulation = generator.simulation,
                                 .image = generator.image,
                                 .features = {},
                                 .threads = config.data.loader_threads};
  for (const NamedVector& vector : config.network.vectors) {
    const std::string& dataset = config.data.inputs.at(vector.name);
    if (dataset != kFeatures)
      throw UsageError(
          "data.inputs wants {} for the input {}, but simulated tracks come with {} alone. Write {}: {}.",
          dataset, vector.name, kFeatures, vector.name, kFeatures);
    options.features.push_back(vector.name);
  }
  return options;
}

}  // namespace

std::unique_ptr<io::SampleSource> generate_source(const Config& config, Split split,
                                                  const NodeMemoryFactory& memory) {
  if (config.data.generator != "rich")
    throw UsageError("data.generator is '{}', but there is only the generator 'rich'.",
                     config.data.generator);
  const RichGenerator generator = load_generator(config.data.rich, config.seed);
  const rich::GeneratorOptions options = options_of(config, generator);
  const auto wanted = [&config](std::uint64_t samples) {
    return config.debug ? std::min(samples, kDebugSamples) : samples;
  };
  if (split == Split::train) {
    const auto batch = static_cast<std::uint64_t>(config.batch.size);
    const std::uint64_t steps = (wanted(generator.samples) + batch - 1) / batch;
    return make_endless_source(options, {.batch = config.batch.size, .shards = config.batch.shards},
                               steps * batch);
  }
  const bool test = split == Split::test;
  const std::uint64_t samples = wanted(test ? generator.test_samples : generator.validation_samples);
  if (samples == 0) return nullptr;
  return make_generated_set(options, test ? rich::Split::test : rich::Split::validation, samples, memory);
}

}  // namespace annulus::trainer
