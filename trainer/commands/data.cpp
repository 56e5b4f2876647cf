// annulus data: import archives into dataset files, describe them, show what augmentation makes of them.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

#include "base/log.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/summary.hpp"
#include "io/import/import.hpp"
#include "io/pictures/contact_sheet.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/environment.hpp"

namespace annulus::trainer {
namespace {

/// A line that is redrawn on a terminal; nothing when piped but the last line.
class ImportBar {
 public:
  void show(const io::ImportProgress& progress) {
    if (isatty(STDERR_FILENO) == 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100) && progress.done != progress.total) return;
    drawn_ = now;
    const std::string line = progress.total == 0
                                 ? fmt::format("{} {}", progress.what, progress.done)
                                 : fmt::format("{} {}/{} ({} %)", progress.what, progress.done,
                                               progress.total, 100 * progress.done / progress.total);
    fmt::print(stderr, "\r{:<78}\r{}", "", line);
    std::fflush(stderr);
    dirty_ = true;
  }
  void finish() {
    if (dirty_) fmt::print(stderr, "\r{:<78}\r", "");
  }

 private:
  std::chrono::steady_clock::time_point drawn_{};
  bool dirty_ = false;
};

using Importer = void (*)(const io::ImportOptions&, const io::ProgressCallback&);

ExitCode import(io::ImportOptions options, Importer importer, Context& context) {
  context.phase = "import";
  if (context.mpi.world().ranks > 1)
    throw UsageError("imports run in one process. Start `annulus data import` without mpirun or srun.");
  options.program = program_version();
  ImportBar bar;
  importer(options, [&bar](const io::ImportProgress& progress) { bar.show(progress); });
  bar.finish();
  io::print_dataset(io::describe_dataset(options.output), std::cout);
  return ExitCode::done;
}

/// Options that all importers share.
void add_common(Verb* verb, io::ImportOptions& options, bool& replace) {
  verb->add_option("source", options.source, "Archive or folder")->required();
  verb->add_option("--output", options.output, "HDF5 file to write")->required();
  verb->add_flag("--replace", replace, "Overwrite the output file");
  verb->add_option("--description", options.description, "Text stored in the file");
  verb->add_option("--validation-fraction", options.validation_fraction,
                   "Share of the training images that becomes the validation split");
  verb->add_option("--seed", options.seed, "Of the choice of validation images");
  verb->add_option("--deflate", options.deflate,
                   "gzip level of the output, 0 to 9 (0 reads 20 times faster)");
  verb->add_option("--threads", options.threads, "Decoding threads (0: one per core)");
}

struct ImportVerb {
  io::ImportOptions options;
  bool replace = false;
  bool coarse = false;
  bool grey = false;
  std::vector<std::int64_t> resize;

  io::ImportOptions resolved() const {
    io::ImportOptions result = options;
    if (replace) result.existing = io::Existing::replace;
    if (coarse) result.cifar100_labels = io::ImportOptions::Cifar100Labels::coarse;
    if (grey) result.colour = io::Colour::grey;
    if (resize.size() == 2) {
      result.resize_height = resize[0];
      result.resize_width = resize[1];
    }
    return result;
  }
};

Verb* add_importer(Verb* parent, const std::string& name, const std::string& text, Importer importer,
                   const std::shared_ptr<ImportVerb>& verb, Action& action) {
  Verb* command = parent->add_subcommand(name, text);
  add_common(command, verb->options, verb->replace);
  command->callback([verb, importer, &action] {
    action = [verb, importer](Context& context) { return import(verb->resolved(), importer, context); };
  });
  return command;
}

void add_importers(Verb* data, Action& action) {
  Verb* import = data->add_subcommand("import", "Make a dataset file from an archive or a folder");
  import->require_subcommand(1);
  add_importer(import, "cifar10", "CIFAR-10, binary version", io::import_cifar10,
               std::make_shared<ImportVerb>(), action);
  auto cifar100 = std::make_shared<ImportVerb>();
  add_importer(import, "cifar100", "CIFAR-100, binary version", io::import_cifar100, cifar100, action)
      ->add_flag("--coarse", cifar100->coarse, "The 20 coarse labels instead of the 100 fine ones");
  auto idx = std::make_shared<ImportVerb>();
  Verb* idx_verb =
      add_importer(import, "idx", "MNIST-style IDX files, plain or gzip", io::import_idx, idx, action);
  idx_verb->add_option("--pad", idx->options.pad, "Zero pixels added on every side (2: 28x28 becomes 32x32)");
  idx_verb->add_option("--classes", idx->options.classes, "Names of the classes instead of numbers");
  idx_verb->add_option("--train-images", idx->options.idx.train_images, "File, when not named as usual");
  idx_verb->add_option("--train-labels", idx->options.idx.train_labels, "File, when not named as usual");
  idx_verb->add_option("--test-images", idx->options.idx.test_images, "File, when not named as usual");
  idx_verb->add_option("--test-labels", idx->options.idx.test_labels, "File, when not named as usual");
  auto images = std::make_shared<ImportVerb>();
  Verb* images_verb =
      add_importer(import, "images", "JPEG or PNG images in class folders: folder, tar (gz, xz, bz2) or zip",
                   io::import_images, images, action);
  images_verb->add_flag("--grey", images->grey, "One channel instead of three");
  images_verb->add_option("--resize", images->resize, "HEIGHT WIDTH: bring all images to this size")
      ->expected(2);
}

void add_info(Verb* data, Action& action) {
  struct Options {
    std::string path;
    bool pixels = false;
  };
  auto options = std::make_shared<Options>();
  Verb* verb = data->add_subcommand("info", "Describe a dataset file");
  verb->add_option("file", options->path, "HDF5 file")->required();
  verb->add_flag("--pixels", options->pixels, "Read all pixels: mean, deviation and range per channel");
  verb->callback([options, &action] {
    action = [options](Context& context) {
      const io::PixelScan scan = options->pixels ? io::PixelScan::read_all : io::PixelScan::skip;
      on_rank_zero(context.mpi.group(), "data info",
                   [&] { io::print_dataset(io::describe_dataset(options->path, scan), std::cout); });
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
  const Config config = load_config(options.config, {"data.path=" + options.file}).config;
  const auto source = open_group(config, options.split, make_private_memory);
  io::ContactSheetOptions sheet = options.sheet;
  sheet.existing = options.replace ? io::Existing::replace : io::Existing::refuse;
  io::write_contact_sheet(*source, config.augmentation, config.seed, sheet, options.output);
  fmt::print("{}\n", options.output);
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
  Verb* data = app.add_subcommand("data", "Import, describe and look at dataset files");
  data->require_subcommand(1);
  add_importers(data, action);
  add_info(data, action);
  add_show(data, action);
}

}  // namespace annulus::trainer
