// annulus data import: one verb per kind of archive. A new importer is a function in io/import and a row
// here.
#include "trainer/commands/import.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/dataset/summary.hpp"
#include "io/import/import.hpp"
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
    fmt::print(stderr, "\r{:<78}\r{}", "", printable(line));
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

/// Imports with the options that it was made with. The common ones are given to it.
using Import = std::function<void(const io::ImportOptions&, const io::ProgressCallback&)>;

Import add_cifar100(Verb& verb) {
  const auto coarse = std::make_shared<bool>(false);
  verb.add_flag("--coarse", *coarse, "The 20 coarse labels instead of the 100 fine ones");
  return [coarse](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::import_cifar100(common, *coarse ? io::Cifar100Labels::coarse : io::Cifar100Labels::fine, progress);
  };
}

/// An option of any number of words takes the source as well where that stands behind it.
void take_source_back(std::vector<std::string>& words, io::ImportOptions& options) {
  if (!options.source.empty() || words.size() < 2 || !std::filesystem::exists(words.back())) return;
  options.source = words.back();
  words.pop_back();
}

void require_source(const io::ImportOptions& options, const std::string& images, const std::string& labels,
                    const char* what) {
  if (!options.source.empty() || (!images.empty() && !labels.empty())) return;
  throw UsageError("The source is missing: name {}, before --classes or behind it.", what);
}

Import add_idx(Verb& verb) {
  const auto own = std::make_shared<io::IdxOptions>();
  verb.add_option("--pad", own->pad, "Zero pixels added on every side (2: 28x28 becomes 32x32)");
  verb.add_option("--classes", own->classes, "Names of the classes instead of numbers, one word for each");
  verb.add_option("--mapping", own->mapping, "EMNIST's file of labels and letters, which names the classes");
  verb.add_option("--first-label", own->first_label, "Number of the first class: 1 for EMNIST letters")
      ->capture_default_str();
  verb.add_option("--prefix", own->prefix, "Only files of the folder named so: emnist-letters");
  const auto transpose = std::make_shared<bool>(false);
  verb.add_flag("--transpose", *transpose, "The files hold images column by column, as EMNIST's do");
  verb.add_option("--train-images", own->files.train_images, "File, when not named as usual");
  verb.add_option("--train-labels", own->files.train_labels, "File, when not named as usual");
  verb.add_option("--test-images", own->files.test_images, "File, when not named as usual");
  verb.add_option("--test-labels", own->files.test_labels, "File, when not named as usual");
  return [own, transpose](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::ImportOptions options = common;
    take_source_back(own->classes, options);
    require_source(options, own->files.train_images, own->files.train_labels,
                   "the folder with the IDX files");
    if (*transpose) own->axes = io::IdxAxes::columns_first;
    io::import_idx(options, *own, progress);
  };
}

Import add_numpy(Verb& verb) {
  const auto own = std::make_shared<io::NumpyOptions>();
  const char* const name = "Array of the archive, or .npy file, when not named as usual";
  verb.add_option("--images", own->images, name);
  verb.add_option("--labels", own->labels, name);
  verb.add_option("--validation-images", own->validation_images, name);
  verb.add_option("--validation-labels", own->validation_labels, name);
  verb.add_option("--test-images", own->test_images, name);
  verb.add_option("--test-labels", own->test_labels, name);
  verb.add_option("--axes", own->axes,
                  "A letter for each axis of the images: NCHW, HWN (default: NHWC or NHW)");
  verb.add_option("--first-label", own->first_label,
                  "Number of the first class: 1 for labels that count from 1")
      ->capture_default_str();
  verb.add_option("--pad", own->pad, "Zero pixels added on every side (2: 28x28 becomes 32x32)");
  verb.add_option("--classes", own->classes, "Names of the classes instead of numbers, one word for each");
  return [own](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::ImportOptions options = common;
    take_source_back(own->classes, options);
    require_source(options, own->images, own->labels, "the .npz file or the folder of .npy files");
    io::import_numpy(options, *own, progress);
  };
}

Import add_images(Verb& verb) {
  struct Words {
    bool grey = false;
    bool allow_empty = false;
    std::vector<std::int64_t> resize;
    std::string alpha = word_of(io::Alpha::drop);
    std::string orientation = word_of(io::Orientation::upright);
    std::string pixels = "uint8";
  };
  const auto words = std::make_shared<Words>();
  verb.add_flag("--grey", words->grey, "One channel instead of three");
  verb.add_option("--resize", words->resize, "HEIGHTxWIDTH, or two words: bring all images to this size")
      ->expected(2)
      ->delimiter('x')
      ->allow_extra_args(false);  // or it takes the source as well
  verb.add_option("--pixels", words->pixels, "float32: from 0 to 255 with all that 16-bit images hold")
      ->one_of({"uint8", "float32"})
      ->capture_default_str();
  verb.add_option("--alpha", words->alpha, "What becomes of transparency: dropped, or laid on a ground")
      ->one_of(words_list<io::Alpha>())
      ->capture_default_str();
  verb.add_option("--orient", words->orientation, "Turned as EXIF says (upright), or as they are stored")
      ->one_of(words_list<io::Orientation>())
      ->capture_default_str();
  verb.add_flag("--allow-empty", words->allow_empty, "Class folders without images keep their number");
  return [words](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::ImageOptions own;
    own.decode = {.colour = words->grey ? io::Colour::grey : io::Colour::rgb,
                  .alpha = enum_of<io::Alpha>(words->alpha).value(),
                  .orientation = enum_of<io::Orientation>(words->orientation).value()};
    if (words->pixels == "float32") own.pixels = io::PixelType::float32;
    if (words->allow_empty) own.empty_classes = io::EmptyClasses::keep;
    if (words->resize.size() == 2) {
      own.resize_height = words->resize[0];
      own.resize_width = words->resize[1];
    }
    io::import_images(common, own, progress);
  };
}

Import add_table(Verb& verb) {
  const auto own = std::make_shared<io::TableOptions>();
  verb.add_option("--label", own->label, "Name of the column with the class (default: the last one)");
  verb.add_option("--test", own->test, "File with the test samples");
  verb.add_option("--test-fraction", own->test_fraction, "Share of the samples that becomes the test split");
  return [own](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::import_table(common, *own, progress);
  };
}

struct Importer {
  const char* word = nullptr;
  const char* text = nullptr;
  /// Adds the options that no other importer has.
  Import (*add_options)(Verb& verb) = nullptr;
  bool many_words = false;  ///< one of them takes any number of words
};

constexpr Importer kImporters[] = {
    {"cifar10", "CIFAR-10, binary version or the one for Python",
     [](Verb&) -> Import { return io::import_cifar10; }},
    {"cifar100", "CIFAR-100, binary version or the one for Python", add_cifar100},
    {"idx", "MNIST-style IDX files, plain or gzip", add_idx, true},
    {"numpy", "Arrays saved by NumPy: .npz, a folder of .npy, or named .npy files", add_numpy, true},
    {"table", "Text with one sample per line: numbers and a class (CSV), plain or gzip", add_table},
    {"images", "JPEG or PNG images in class folders: folder, tar (gz, xz, bz2) or zip", add_images},
};

/// A file keeps the splits of its source. Most of them have none for validation: better known now than at the
/// end.
void say_what_validates(const io::DatasetSummary& made) {
  const auto has = [&](const char* name) {
    return std::ranges::any_of(made.splits,
                               [&](const io::SplitSummary& split) { return split.name == name; });
  };
  if (!has("train") || has("validation")) return;
  log_info(
      "No validation split: training {}. Train with data.validation_fraction=0.1, or import with --validation-fraction 0.1, to keep a part of train for that.",
      has("test") ? "then validates on test, which it should not see before the end"
                  : "then validates on nothing");
}

ExitCode run(io::ImportOptions options, const Import& importer, Context& context) {
  if (context.mpi.world().ranks > 1)
    throw UsageError("imports run in one process. Start `annulus data import` without mpirun or srun.");
  options.program = program_version();
  ImportBar bar;
  importer(options, [&bar](const io::ImportProgress& progress) { bar.show(progress); });
  bar.finish();
  const io::DatasetSummary made = io::describe_dataset(options.output);
  io::print_dataset(made, std::cout);
  say_what_validates(made);
  return ExitCode::done;
}

/// Options that all importers share.
void add_common(Verb& verb, io::ImportOptions& options, bool& replace, bool many_words) {
  VerbOption* source = verb.add_option("source", options.source, "Archive or folder");
  if (!many_words) source->required();  // else another option may hold it until the words are counted
  verb.add_option("--output", options.output, "HDF5 file to write")->required();
  verb.add_flag("--replace", replace, "Overwrite the output file");
  verb.add_option("--description", options.description, "Text stored in the file");
  verb.add_option("--validation-fraction", options.validation_fraction,
                  "Share of the training images of every class that becomes the validation split; 0: none")
      ->capture_default_str();
  verb.add_option("--seed", options.seed, "Of the choice of validation images");
  verb.add_option("--deflate", options.deflate, "gzip level of the output, 0 to 9 (0 reads 5 times faster)");
  verb.add_option("--threads", options.threads, "Decoding threads (0: one per core)");
}

void add_importer(Verb& parent, const Importer& importer, Action& action) {
  struct Common {
    io::ImportOptions options;
    bool replace = false;
  };
  const auto common = std::make_shared<Common>();
  Verb& verb = *parent.add_subcommand(importer.word, importer.text);
  add_common(verb, common->options, common->replace, importer.many_words);
  verb.callback([common, import = importer.add_options(verb), &action] {
    if (common->replace) common->options.existing = io::Existing::replace;
    action = [common, import](Context& context) { return run(common->options, import, context); };
  });
}

}  // namespace

void add_imports(Verb& data, Action& action) {
  Verb& verb = *data.add_subcommand("import", "Make a dataset file from an archive or a folder");
  verb.require_subcommand(1);
  for (const Importer& importer : kImporters) add_importer(verb, importer, action);
}

}  // namespace annulus::trainer
