// annulus data: make dataset files (import.cpp), write them anew (repack.cpp), describe them, show what
// augmentation makes of them.
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "io/dataset/dataset.hpp"
#include "io/files/atomic_file.hpp"
#include "io/pictures/contact_sheet.hpp"
#include "io/survey/summary.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/data_json.hpp"
#include "trainer/commands/import.hpp"
#include "trainer/commands/repack.hpp"
#include "trainer/data_files.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

struct InfoOptions {
  std::vector<std::string> files;
  bool pixels = false;
  bool duplicates = false;
  bool json = false;
};

void inform(const InfoOptions& options) {
  const io::PixelScan scan = options.pixels ? io::PixelScan::read_all : io::PixelScan::sample;
  std::vector<io::DatasetSummary> summaries;
  for (const std::string& path : options.files) {
    summaries.push_back(io::describe_dataset(path, scan));
    const io::DatasetSummary& summary = summaries.back();
    std::optional<io::Duplicates> duplicates;
    if (options.duplicates) duplicates = io::find_duplicates(summary);
    if (options.json) {
      fmt::print("{}\n", json_of(summary, duplicates));
      continue;
    }
    if (summaries.size() > 1) fmt::print("\n");
    io::print_dataset(summary, std::cout);
    if (duplicates) io::print_duplicates(*duplicates, std::cout);
  }
  if (summaries.size() > 1 && !options.json) io::print_sum(summaries, std::cout);
}

void add_info(Verb* data, Action& action) {
  auto options = std::make_shared<InfoOptions>();
  Verb* verb = data->add_subcommand("info", "Describe dataset files, and say how to train on them");
  verb->add_option("files", options->files, "HDF5 files")->required();
  verb->add_flag("--pixels", options->pixels,
                 "Read all pixels instead of some: mean, deviation and range per channel");
  verb->add_flag("--duplicates", options->duplicates,
                 "Read all pixels: images that are equal, inside a split and between splits");
  verb->add_flag("--json", options->json, "A line of JSON for each file");
  verb->callback([options, &action] {
    action = [options](Context& context) {
      on_rank_zero(context.mpi.group(), "data info", [&] { inform(*options); });
      return ExitCode::done;
    };
  });
}

struct ShowOptions {
  std::string file;
  std::string config;
  std::string output;
  std::string split = "train";
  bool replace = false;
  io::ContactSheetOptions sheet;
};

void show(const ShowOptions& options) {
  const Config config = load_config(options.config, overrides_for({options.file})).config;
  const auto source = open_group(config, options.split, make_private_memory);
  if (source->info().shape.flat)
    throw UsageError(
        "{} holds flat vectors of {} values, and a contact sheet draws images. `annulus data info --pixels` shows the mean and range of every value.",
        source->info().name, source->info().shape.channels);
  io::ContactSheetOptions sheet = options.sheet;
  sheet.existing = options.replace ? io::Existing::replace : io::Existing::refuse;
  io::make_folder_of(options.output);
  const std::string shown =
      io::write_contact_sheet(*source, config.augmentation, config.seed, sheet, options.output);
  fmt::print("{}\n{}\n", options.output, shown);
}

void add_show(Verb* data, Action& action) {
  auto options = std::make_shared<ShowOptions>();
  Verb* verb = data->add_subcommand("show", "Contact sheet: originals and their augmented variants");
  verb->add_option("file", options->file, "HDF5 file")->required();
  verb->add_option("--augment", options->config, "Config whose augmentation is applied")->required();
  verb->add_option("--output", options->output, "PNG file to write")->required();
  verb->add_flag("--replace", options->replace, "Overwrite the output file");
  verb->add_option("--split", options->split, "Group of the file")->capture_default_str();
  verb->add_option("--samples", options->sheet.samples, "Rows of the sheet")->capture_default_str();
  verb->add_option("--variants", options->sheet.variants, "Columns beside the original")
      ->capture_default_str();
  verb->callback([options, &action] {
    action = [options](Context& context) {
      on_rank_zero(context.mpi.group(), "contact sheet", [&] { show(*options); });
      return ExitCode::done;
    };
  });
}

}  // namespace

void add_data(Verb& app, Action& action) {
  Verb* data = app.add_subcommand("data", "Import, describe, rewrite and look at dataset files");
  data->require_subcommand(1);
  add_imports(*data, action);
  add_info(data, action);
  add_repack(*data, action);
  add_show(data, action);
}

}  // namespace annulus::trainer
