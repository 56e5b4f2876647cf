// From a YAML file and overrides to a checked configuration with the origin of every value.
#include "trainer/model/config.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "trainer/model/config_checks.hpp"
#include "trainer/model/config_overrides.hpp"
#include "trainer/model/config_reader.hpp"
#include "trainer/model/config_writer.hpp"
#include "trainer/model/idle_keys.hpp"

namespace annulus::trainer {
namespace {

ConfigWriter written(const Config& config) {
  Config copy = config;  // describe() takes variables that a reader may fill
  ConfigWriter writer;
  describe(writer, copy);
  return writer;
}

LoadedConfig resolved(YamlNode root, const std::string& source, const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) apply_override(root, text);
  LoadedConfig loaded;
  ConfigReader reader(root);
  describe(reader, loaded.config);
  reader.finish();
  if (io::AugmentationOptions& augmentation = loaded.config.augmentation;
      augmentation.crop != io::Crop::none) {  // to what the network takes
    augmentation.crop_height = loaded.config.network.input.height;
    augmentation.crop_width = loaded.config.network.input.width;
  }
  check_config(loaded.config, reader.places(), source);

  const ConfigWriter writer = written(loaded.config);
  loaded.config.yaml = writer.yaml();
  for (const ConfigValue& value : writer.values()) {
    const auto place = reader.places().find(value.key);
    const bool given = place != reader.places().end();
    loaded.origins.push_back({value.key, value.value, given ? place->second : "default"});
  }
  return loaded;
}

/// Whether a file is the copy in a run directory.
bool is_stored_copy(const std::string& path) {
  const std::filesystem::path file = path;
  std::error_code unknown;
  return file.filename() == "config.yaml" &&
         std::filesystem::is_directory(file.parent_path() / "checkpoints", unknown);
}

}  // namespace

std::string read_config_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(YamlLimits::kBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (!file.eof() && !file.good()) || (text.size() > 0 && !file.is_open())) {
    throw UsageError(
        "{}: the configuration cannot be read. Is the path right (relative to the working directory), is it a file, and may you read it?",
        path);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

LoadedConfig load_config(const std::string& path, const std::vector<std::string>& overrides) {
  const std::string text = read_config_text(path);
  return is_stored_copy(path) ? parse_stored_config(text, path, overrides)
                              : parse_config(text, path, overrides);
}

LoadedConfig parse_config(const std::string& yaml, const std::string& source,
                          const std::vector<std::string>& overrides) {
  return resolved(parse_yaml(yaml, source), source, overrides);
}

LoadedConfig parse_stored_config(const std::string& yaml, const std::string& source,
                                 const std::vector<std::string>& overrides) {
  YamlNode root = parse_yaml(yaml, source);
  Config config;
  ConfigReader reader(root);
  describe(reader, config);
  if (config.data.validation == "validation") apply_override(root, "data.validation=null");
  for (const IdleKey& idle : idle_keys(config, reader.places())) apply_override(root, idle.key + "=null");
  return resolved(std::move(root), source, overrides);
}

std::vector<Origin> config_values(const Config& config) {
  const ConfigWriter writer = written(config);
  std::vector<Origin> values;
  for (const ConfigValue& value : writer.values()) values.push_back({value.key, value.value, ""});
  return values;
}

}  // namespace annulus::trainer
