// annulus data import: one verb per kind of archive. A new importer is a function in io/import and a row
// here.
#include "trainer/commands/import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/quiet_log.hpp"
#include "io/dataset/parts.hpp"
#include "io/import/import.hpp"
#include "io/import/source_kind.hpp"
#include "io/survey/summary.hpp"
#include "trainer/commands/progress_line.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/run/environment.hpp"

namespace annulus::trainer {
namespace {

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

/// How pictures are decoded and brought to a size, as words.
struct PictureWords {
  bool grey = false;
  bool skip_unreadable = false;
  std::vector<std::int64_t> resize;
  std::string fit = word_of(io::Fit::stretch);
  std::string alpha = word_of(io::Alpha::drop);
  std::string orientation = word_of(io::Orientation::upright);
  std::string pixels = "uint8";

  io::ImageOptions options() const {
    io::ImageOptions own;
    own.decode = {.colour = grey ? io::Colour::grey : io::Colour::rgb,
                  .alpha = enum_of<io::Alpha>(alpha).value(),
                  .orientation = enum_of<io::Orientation>(orientation).value()};
    if (pixels == "float32") own.pixels = io::PixelType::float32;
    if (skip_unreadable) own.unreadable = io::Unreadable::skip;
    own.fit = enum_of<io::Fit>(fit).value();
    if (own.fit != io::Fit::stretch && resize.size() != 2)
      throw UsageError("--fit says how images come to a size. Name it: --resize 224x224.");
    if (resize.size() == 2) {
      own.resize_height = resize[0];
      own.resize_width = resize[1];
    }
    return own;
  }
};

std::shared_ptr<PictureWords> add_picture_options(Verb& verb) {
  const auto words = std::make_shared<PictureWords>();
  verb.add_flag("--grey", words->grey, "One channel instead of three");
  verb.add_option("--resize", words->resize, "HEIGHTxWIDTH, or two words: bring all images to this size")
      ->expected(2)
      ->delimiter('x')
      ->allow_extra_args(false);  // or it takes the source as well
  verb.add_option("--fit", words->fit,
                  "With --resize: middle part (crop), black margins (pad), or out of shape")
      ->one_of(words_list<io::Fit>())
      ->capture_default_str();
  verb.add_option("--pixels", words->pixels, "float32: from 0 to 255 with all that 16-bit images hold")
      ->one_of({"uint8", "float32"})
      ->capture_default_str();
  verb.add_option("--alpha", words->alpha, "What becomes of transparency: dropped, or laid on a ground")
      ->one_of(words_list<io::Alpha>())
      ->capture_default_str();
  verb.add_option("--orient", words->orientation, "Turned as EXIF says (upright), or as they are stored")
      ->one_of(words_list<io::Orientation>())
      ->capture_default_str();
  verb.add_flag("--skip-unreadable", words->skip_unreadable,
                "Leave pictures out that cannot be read, and list them in OUTPUT.unreadable.txt");
  return words;
}

Import add_images(Verb& verb) {
  struct Words {
    bool allow_empty = false;
    bool unlabelled = false;
    std::string synsets;
  };
  const auto pictures = add_picture_options(verb);
  const auto words = std::make_shared<Words>();
  verb.add_flag("--allow-empty", words->allow_empty, "Class folders without images keep their number");
  verb.add_option("--synsets", words->synsets, "File of lines FOLDER NAME: order and names of the classes");
  verb.add_flag("--unlabelled", words->unlabelled,
                "Pictures without classes, as the split test, for predict");
  return [words, pictures](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::ImageOptions own = pictures->options();
    if (words->allow_empty) own.empty_classes = io::EmptyClasses::keep;
    own.unlabelled = words->unlabelled;
    own.synsets = words->synsets;
    io::import_images(common, own, progress);
  };
}

Import add_webdataset(Verb& verb) {
  const auto own = std::make_shared<io::WebDatasetOptions>();
  const auto pictures = add_picture_options(verb);
  verb.add_option("shards", own->train, "Tar files, or patterns such as x-{000000..000146}.tar")->required();
  verb.add_option("--validation", own->validation, "Shards of the validation split");
  verb.add_option("--test", own->test, "Shards of the test split");
  verb.add_option("--first-label", own->first_label, "Number of the first class")->capture_default_str();
  verb.add_option("--classes", own->classes, "Names of the classes instead of numbers, one word for each");
  return [own, pictures](const io::ImportOptions& common, const io::ProgressCallback& progress) {
    io::ImportOptions options = common;
    options.source = own->train.front();
    io::import_webdataset(options, *own, pictures->options(), progress);
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
  enum class Sources { one, told_from_words, many };
  /// One; one that an option of any number of words may have taken; or an argument of the importer's own.
  Sources sources = Sources::one;
};
using Sources = Importer::Sources;

constexpr Importer kImporters[] = {
    {"cifar10", "CIFAR-10, binary version or the one for Python",
     [](Verb&) -> Import { return io::import_cifar10; }},
    {"cifar100", "CIFAR-100, binary version or the one for Python", add_cifar100},
    {"idx", "MNIST-style IDX files, plain or gzip", add_idx, Sources::told_from_words},
    {"numpy", "Arrays saved by NumPy: .npz, a folder of .npy, or named .npy files", add_numpy,
     Sources::told_from_words},
    {"table", "Text with one sample per line: numbers and a class (CSV), plain or gzip", add_table},
    {"images", "JPEG or PNG images in class folders: folder, tar (gz, xz, bz2) or zip", add_images},
    {"webdataset", "Shards of WebDataset: tar files of pictures and class numbers", add_webdataset,
     Sources::many},
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

/// Names the importer that fits better, if there is one.
void import_or_advise(const io::ImportOptions& options, const char* word, const Import& importer) {
  ProgressLine line;
  try {
    importer(options, [&line](const io::ImportProgress& progress) {
      line.show(progress.done, progress.total, progress.what);
    });
  } catch (const DataError& error) {
    const std::string advice = io::what_fits(options.source, word);
    if (advice.empty() || std::string(error.what()).find("`annulus data import") != std::string::npos) throw;
    throw DataError("{} {}", error.what(), advice);
  }
  line.finish();
}

io::ImportRanks ranks_of(comm::MpiSession& mpi) {
  comm::ProcessGroup& group = mpi.group();
  // A rank that dies ends the job; one that has more to decode than others takes hours.
  group.set_limit(std::chrono::hours(48));
  return {.rank = group.rank(),
          .count = group.size(),
          .meet = [&group](const char* purpose) { group.barrier(purpose); },
          .on_first = [&group](const char* purpose,
                               const std::function<void()>& work) { on_rank_zero(group, purpose, work); }};
}

/// All ranks find out the same about the source: one says so.
void import_alike(const io::ImportOptions& options, const char* word, const Import& importer) {
  if (options.ranks.rank == 0) return import_or_advise(options, word, importer);
  set_terminal_log(TerminalLog::off);
  try {
    importer(options, {});
  } catch (...) {
    set_terminal_log(TerminalLog::on);
    throw;
  }
  set_terminal_log(TerminalLog::on);
}

/// Describes what was made; of several files the first one.
void show_made(const io::ImportOptions& options) {
  std::string first = options.output;
  if (options.sharding.wanted()) {
    const std::vector<std::string> parts = io::parts_beside(options.output);
    first = parts.at(0);
    fmt::print("{} files, to be read by data.files: '{}'. The first one:\n", parts.size(),
               printable(io::parts_pattern(options.output)));
    std::fflush(stdout);
  }
  const io::DatasetSummary made = io::describe_dataset(first);
  io::print_dataset(made, std::cout);
  say_what_validates(made);
}

ExitCode run(io::ImportOptions options, const char* word, const Import& importer, Context& context) {
  options.program = program_version();
  options.ranks = ranks_of(context.mpi);
  import_alike(options, word, importer);
  on_rank_zero(context.mpi.group(), "a look at what was made", [&] { show_made(options); });
  return ExitCode::done;
}

/// Options that all importers share.
void add_common(Verb& verb, io::ImportOptions& options, bool& replace, std::uint64_t& shard_mb,
                Sources sources) {
  if (sources != Sources::many) {
    VerbOption* source = verb.add_option("source", options.source, "Archive or folder");
    if (sources == Sources::one) source->required();  // else words of an option may hold it
  }
  verb.add_option("--output", options.output, "HDF5 file to write")->required();
  verb.add_flag("--replace", replace, "Overwrite the output file");
  verb.add_option("--shards", options.sharding.files,
                  "Write that many files, OUTPUT-00000-of-00008.h5 and so on");
  verb.add_option("--shard-mb", shard_mb, "Or as many files as keep each near this size");
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
    std::uint64_t shard_mb = 0;
  };
  const auto common = std::make_shared<Common>();
  Verb& verb = *parent.add_subcommand(importer.word, importer.text);
  add_common(verb, common->options, common->replace, common->shard_mb, importer.sources);
  verb.callback([common, word = importer.word, import = importer.add_options(verb), &action] {
    if (common->replace) common->options.existing = io::Existing::replace;
    common->options.sharding.file_bytes = common->shard_mb * 1'000'000;
    action = [common, word, import](Context& context) { return run(common->options, word, import, context); };
  });
}

}  // namespace

void add_imports(Verb& data, Action& action) {
  Verb& verb = *data.add_subcommand("import", "Make a dataset file from an archive or a folder");
  verb.require_subcommand(1);
  for (const Importer& importer : kImporters) add_importer(verb, importer, action);
}

}  // namespace annulus::trainer
