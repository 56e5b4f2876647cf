// The splits of a file under their usual names, and those that a config names; the latter are opened as a
// training opens them, though nothing is kept in memory.
#include "trainer/commands/doctor_data.hpp"

#include <fmt/format.h>

#include <memory>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "io/survey/summary.hpp"
#include "trainer/data_files.hpp"
#include "trainer/data_names.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

std::string read_text(const std::string& name, std::uint64_t samples, std::uint64_t tried) {
  return fmt::format("{} {} samples, {} of them read, from the first to the last", name, samples, tried);
}

/// Splits that were found by the names of their datasets need keys, and may be none.
bool is_usual(const io::SplitSummary& split) { return split.images == split.name + "/images"; }

void examine_usual_names(const std::string& path, DataFindings& findings) {
  const io::DatasetSummary summary = io::describe_dataset(path);
  for (const auto& split : summary.splits)
    findings.lines.push_back({Grade::good, "data",
                              read_text(fmt::format("{}:{}", path, split.name), split.samples,
                                        io::try_images(path, split.images))});
  for (const auto& split : summary.splits)
    if (is_usual(split) && !split.label_fault.empty()) throw DataError("{}", split.label_fault);
  if (const std::string files[] = {path}; summary.found.train && !summary.keys.empty())
    findings.lines.push_back({Grade::warning, "data",
                              fmt::format("{} is read by a config that says `{}` (`--config` tries it)", path,
                                          io::config_line(files, summary.keys))});
  for (const auto& [name, reason] : summary.unusable)
    findings.lines.push_back(
        {Grade::warning, "data", fmt::format("{}:{} cannot be a split: {}", path, name, reason)});
  if (summary.splits.empty())
    findings.lines.push_back(
        {Grade::warning, "data",
         fmt::format(
             "{} has no group with images and labels; data.train, data.images and data.labels of a config name others (`--config` tries them)",
             path)});
}

void examine_named(const std::string& path, const std::string& config_path, DataFindings& findings) {
  std::vector<std::string> overrides = path.empty() ? std::vector<std::string>{} : overrides_for({path});
  overrides.emplace_back("data.resident_mb=0");
  const Config config = load_config(config_path, overrides).config;
  if (!config.data.generator.empty() || !names_files(config.data)) return;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const SplitNames names = names_of(config, split);
    if (split != Split::train && !any_has(image_files(config.data, names), names.images)) continue;
    const auto source = open_split(config, split, make_private_memory);
    findings.lines.push_back(
        {Grade::good, "data",
         fmt::format("{} of {} fits: {}", names.images, config_path,
                     read_text(source->info().name, source->info().samples, io::try_samples(*source)))});
  }
}

/// Runs it, and notes what it throws.
template <class Examine>
DataFindings findings_of(Examine&& examine) {
  DataFindings findings;
  try {
    examine(findings);
  } catch (const Error& error) {
    findings.lines.push_back({Grade::failure, "data", error.what()});
    findings.readable = false;
  }
  return findings;
}

}  // namespace

DataFindings examine_data(const std::string& path, const std::string& config) {
  return findings_of([&](DataFindings& findings) {
    if (config.empty())
      examine_usual_names(path, findings);
    else
      examine_named(path, config, findings);
  });
}

DataFindings examine_files_of(const std::string& config) {
  return findings_of([&](DataFindings& findings) {
    if (!load_config(config).config.data.files.empty()) examine_named("", config, findings);
  });
}

}  // namespace annulus::trainer
