// See repack.hpp.
#include "trainer/commands/repack.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/hdf5/file.hpp"
#include "io/survey/repack.hpp"
#include "io/survey/summary.hpp"
#include "trainer/commands/progress_line.hpp"
#include "trainer/data_names.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/environment.hpp"

namespace annulus::trainer {
namespace {

struct Words {
  std::vector<std::string> words;    ///< files and key=value
  std::vector<std::string> columns;  ///< inside the groups
  bool no_columns = false;
  bool keep_order = false;
  bool replace = false;
  std::uint64_t memory_mb = 1024;
  io::RepackOptions repack;
};

bool is_key(const std::string& word) {
  return word.starts_with("data.") && word.find('=') != std::string::npos;
}

/// The keys that say where the splits of a file are; others say nothing of it.
void require_known(const std::string& word) {
  constexpr std::array kKnown{
      "train",       "validation",        "test",        "images", "labels",      "validation_images",
      "test_images", "validation_labels", "test_labels", "axes",   "first_label", "limit"};
  const std::string key = word.substr(5, word.find('=') - 5);
  if (std::ranges::find(kKnown, key) != kKnown.end()) return;
  if (key == "validation_fraction")
    throw UsageError(
        "data.validation_fraction is for a training. To write a validation split, name --validation-fraction.");
  throw UsageError("data.{} does not say where a file keeps its images. Keys that do: data.{}.", key,
                   fmt::join(kKnown, ", data."));
}

Config config_of(const std::string& path, const std::vector<std::string>& keys) {
  // A network has to be there, and is not looked at.
  constexpr const char* kAny = "network: {input: [1], layers: [{dense: {units: 2}}, softmax]}";
  Config config = parse_config(kAny, "annulus data repack", keys).config;
  config.data.path = path;
  return config;
}

bool is_root(const std::string& group) { return group.find_first_not_of('/') == std::string::npos; }

std::vector<std::string> find_columns(const Words& words, const std::string& path, const SplitNames& names,
                                      const io::RepackSplit& split) {
  if (words.no_columns) return {};
  if (!words.columns.empty()) {
    std::vector<std::string> columns;
    for (const std::string& name : words.columns) columns.push_back(in_group(names.group, name));
    return columns;
  }
  if (is_root(names.group)) return {};  // whose rows they are nobody knows
  std::vector<std::string> left_out;
  std::vector<std::string> columns = io::columns_of(path, names.group, split, left_out);
  if (!left_out.empty())
    log_warning("{}: {} cannot be kept, as no numbers can be read there.", path, shown_names(left_out));
  return columns;
}

[[noreturn]] void fail_missing(const Words& words, const std::string& path, const SplitNames& names) {
  const io::DatasetSummary summary = io::describe_dataset(path);
  if (summary.found.train)
    throw DataError(
        "{}: there is no {}. Its images seem to lie elsewhere: `annulus data repack {}{} --output {}`. What it holds: `annulus data info {}`.",
        path, names.images, io::shell_word(path), io::command_words(summary.keys),
        io::shell_word(words.repack.output), io::shell_word(path));
  io::Hdf5File::open(path).dataset(names.images);  // lists what is there
  throw DataError("{}: holds no images that could be written anew.", path);
}

/// Groups with images that nobody has named: what they hold may be missed.
void note_left_out(const io::Hdf5File& file, const DataConfig& data,
                   const std::vector<io::RepackSplit>& splits) {
  for (const std::string& group : file.members()) {
    const std::string images = group + "/" + data.images;
    const bool taken = std::ranges::any_of(
        splits, [&](const io::RepackSplit& split) { return split.data.images == images; });
    if (taken || !file.exists(group) || file.is_dataset(group) || !file.exists(images)) continue;
    const std::string split = io::split_of_name(group);
    log_warning("{}: {} is left out. To take it, name it: data.{}={}.", file.path(), shown_name(group),
                split.empty() ? "validation" : split, shown_name(group));
  }
}

/// A split that was named and is in none of the files.
void require_named(const std::vector<std::string>& keys, const io::RepackOptions& options) {
  for (const char* split : {"train", "validation", "test"}) {
    const auto names_it = [&](const std::string& key) {
      const std::string rest = key.substr(key.find('.') + 1);
      return rest.starts_with(std::string(split) + "=") || rest.starts_with(std::string(split) + "_");
    };
    const auto key = std::ranges::find_if(keys, names_it);
    const bool found = std::ranges::any_of(options.inputs, [&](const auto& input) {
      return std::ranges::any_of(input, [&](const io::RepackSplit& each) { return each.name == split; });
    });
    if (key != keys.end() && !found)
      throw UsageError(
          "command line: {} names images that no input holds. `annulus data info` says what there is.", *key);
  }
}

std::vector<io::RepackSplit> find_splits(const Words& words, const std::string& path,
                                         const std::vector<std::string>& keys) {
  const Config config = config_of(path, keys);
  const DataConfig& data = config.data;
  const io::Hdf5File file = io::Hdf5File::open(path);
  std::vector<io::RepackSplit> splits;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const SplitNames names = names_of(config, split);
    // Of a file without a group for it, the names of another split would be those of the training.
    const bool other = split != Split::train && names.images == names_of(config, Split::train).images;
    if (other || !file.exists(names.images)) continue;
    const bool labelled = !names.labels.empty() && file.exists(names.labels);
    if (!labelled && !names.labels.empty())
      log_info("{}: there is no {}, so {} is written without labels.", path, names.labels, names.images);
    io::RepackSplit found{.name = split == Split::train        ? "train"
                                  : split == Split::validation ? "validation"
                                                               : "test",
                          .data = {.path = path,
                                   .images = names.images,
                                   .labels = labelled ? names.labels : "",
                                   .axes = data.axes,
                                   .first_label = data.first_label,
                                   .limit = split == Split::train ? data.limit : 0,
                                   .not_finite = io::NotFinite::keep}};
    found.columns = find_columns(words, path, names, found);
    splits.push_back(std::move(found));
  }
  if (splits.empty()) fail_missing(words, path, names_of(config, Split::train));
  note_left_out(file, data, splits);
  return splits;
}

io::RepackOptions options_of(Words words) {
  std::vector<std::string> keys, files;
  for (std::string& word : words.words) (is_key(word) ? keys : files).push_back(std::move(word));
  for (const std::string& key : keys) require_known(key);
  if (files.empty()) throw UsageError("The input is missing: name one HDF5 file or several.");
  if (words.no_columns && !words.columns.empty())
    throw UsageError("--columns and --no-columns contradict each other. Leave one of them out.");
  io::RepackOptions options = words.repack;
  for (const std::string& file : files) options.inputs.push_back(find_splits(words, file, keys));
  require_named(keys, options);
  options.shuffle = !words.keep_order;
  options.existing = words.replace ? io::Existing::replace : io::Existing::refuse;
  options.memory_bytes = words.memory_mb << 20;
  options.program = program_version();
  return options;
}

ExitCode run(const Words& words, Context& context) {
  if (context.mpi.world().ranks > 1)
    throw UsageError(
        "files are written anew by one process. Start `annulus data repack` without mpirun or srun.");
  ProgressLine line;
  const std::vector<std::string> made =
      io::repack(options_of(words), [&line](std::uint64_t done, std::uint64_t total,
                                            const std::string& what) { line.show(done, total, what); });
  line.finish();
  if (made.size() == 1) {
    io::print_dataset(io::describe_dataset(made.front()), std::cout);
    return ExitCode::done;
  }
  std::vector<io::DatasetSummary> summaries;
  for (const std::string& path : made) summaries.push_back(io::describe_dataset(path));
  fmt::print("{} to {}\n", made.front(), made.back());
  io::print_sum(summaries, std::cout);
  return ExitCode::done;
}

}  // namespace

void add_repack(Verb& data, Action& action) {
  const auto words = std::make_shared<Words>();
  Verb& verb = *data.add_subcommand("repack", "Write dataset files anew: shuffled, in good chunks, in parts");
  verb.add_option("input", words->words, "HDF5 files, and keys: data.images=x_train data.axes=NCHW")
      ->required();
  verb.add_option("--output", words->repack.output, "HDF5 file to write")->required();
  verb.add_flag("--replace", words->replace, "Overwrite the output");
  verb.add_flag("--keep-order", words->keep_order, "Rows as they come, not in a random order");
  verb.add_option("--seed", words->repack.seed, "Of the order, and of the choice of validation images")
      ->capture_default_str();
  verb.add_option("--shards", words->repack.shards,
                  "Write so many files, OUTPUT-00000-of-00008.h5 and so on; 0: one")
      ->capture_default_str();
  verb.add_option("--chunk-rows", words->repack.chunk_rows,
                  "Images stored together (0: about half a megabyte)")
      ->capture_default_str();
  verb.add_option("--deflate,--gzip", words->repack.deflate,
                  "gzip level of the output, 0 to 9 (0: not packed)")
      ->within(0, 9)
      ->capture_default_str();
  verb.add_option("--validation-fraction", words->repack.validation_fraction,
                  "Share of the training images of every class that becomes the validation split; 0: none")
      ->capture_default_str();
  verb.add_option("--columns", words->columns,
                  "Further datasets of the groups to keep (default: all of numbers)");
  verb.add_flag("--no-columns", words->no_columns, "Keep images and labels alone");
  verb.add_option("--memory-mb", words->memory_mb,
                  "Rows that are held in memory; what is more goes through a temporary file")
      ->within(std::uint64_t{1}, std::uint64_t{1} << 24)
      ->capture_default_str();
  verb.add_option("--description", words->repack.description, "Text stored in the file");
  verb.callback([words, &action] { action = [words](Context& context) { return run(*words, context); }; });
}

}  // namespace annulus::trainer
