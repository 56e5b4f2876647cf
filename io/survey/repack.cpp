// Splits are opened, checked against each other, put in order, and written block by block.
#include "io/survey/repack.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/dataset/sharded_writer.hpp"
#include "io/dataset/stratified_choice.hpp"
#include "io/dataset/writer.hpp"
#include "io/files/atomic_file.hpp"
#include "io/survey/repack_rows.hpp"
#include "io/survey/row_order.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSplits{"train", "validation", "test"};

/// A split of the output.
struct Written {
  std::string name;
  const RepackRows* rows = nullptr;
  bool labelled = true;
  std::unique_ptr<OrderedRows> order;
  std::uint64_t written = 0;
  std::vector<std::byte> block = {};
  std::vector<std::uint64_t> numbers = {};
};

ShardedOutput sharded_output(const RepackOptions& options) {
  return {.path = options.output, .existing = options.existing, .sharding = {.files = options.shards}};
}

class Repacking {
 public:
  Repacking(const RepackOptions& options, const RepackProgress& progress)
      : options_(options), progress_(progress) {
    for (const char* name : kSplits) open(name);
    if (sources_.empty())
      throw DataError(
          "{}: holds no images of train, validation or test.",
          options.inputs.front().empty() ? "the input" : options.inputs.front().front().data.path);
    check_alike();
    find_classes();
    plan();
  }

  std::vector<std::string> write();

 private:
  void open(const char* name);
  void check_alike() const;
  void find_classes();
  void plan();
  void add_written(const std::string& name, const RepackRows& rows, std::shared_ptr<const RowSet> chosen);
  void choose_validation(const RepackRows& train);
  std::uint64_t bytes() const;
  DatasetSpec spec() const;
  std::vector<std::pair<std::string, std::string>> provenance() const;
  void write_rows(DatasetWriter& writer, Written& split, std::uint64_t count);
  void write_block(DatasetWriter& writer, const Written& split) const;
  void describe(DatasetWriter& writer, const Written& split) const;
  void report(const std::string& what, std::uint64_t done, std::uint64_t total) const {
    if (progress_) progress_(done, total, what);
  }

  const RepackOptions& options_;
  const RepackProgress& progress_;
  std::vector<std::unique_ptr<RepackRows>> sources_;
  std::set<std::string> unlabelled_;  ///< splits
  std::vector<std::string> classes_;
  std::vector<Written> splits_;
};

void Repacking::open(const char* name) {
  std::vector<RepackSplit> parts;
  std::size_t labelled = 0;
  for (const std::vector<RepackSplit>& input : options_.inputs)
    for (const RepackSplit& split : input)
      if (split.name == name) {
        parts.push_back(split);
        labelled += split.data.labels.empty() ? 0U : 1U;
      }
  if (parts.empty()) return;
  if (labelled != 0 && labelled != parts.size())
    throw DataError("{} has labels in some of the files, and none in others. Name files that are alike.",
                    name);
  if (labelled == 0) unlabelled_.insert(name);
  sources_.push_back(std::make_unique<RepackRows>(parts));
}

void Repacking::check_alike() const {
  const SourceInfo& one = sources_.front()->info();
  for (const auto& source : sources_) {
    const SourceInfo& other = source->info();
    if (other.shape == one.shape && other.pixels == one.pixels && other.value_names == one.value_names)
      continue;
    throw DataError(
        "{} and {} differ in the shape, the type or the names of their values: ({}) {} and ({}) {}. Splits of one data set are alike; write them apart, each as a file of its own.",
        one.name, other.name, to_string(one.shape), one.pixels == PixelType::uint8 ? "uint8" : "float32",
        to_string(other.shape), other.pixels == PixelType::uint8 ? "uint8" : "float32");
  }
}

/// One list of names for all splits of all files. Numbers are none: the longest list of them has all labels.
void Repacking::find_classes() {
  const SourceInfo* named = nullptr;
  const SourceInfo* numbered = nullptr;
  for (const auto& source : sources_) {
    if (unlabelled_.contains(source->name())) continue;
    for (const SourceInfo& info : source->infos()) {
      const SourceInfo*& kind = info.numbered ? numbered : named;
      if (!info.numbered && named != nullptr && named->classes != info.classes)
        throw DataError(
            "{} and {} name their classes differently: {} and {}. A label means the name at its place in one list; write the labels of one of them anew, or leave it out.",
            named->name, info.name, shown_names(named->classes), shown_names(info.classes));
      if (kind == nullptr || kind->classes.size() < info.classes.size()) kind = &info;
    }
  }
  if (named != nullptr && numbered != nullptr) {
    if (numbered->classes.size() > named->classes.size())
      throw DataError("{} has labels up to {}, but {} names {} classes.", numbered->name,
                      numbered->classes.size() - 1, named->name, named->classes.size());
    log_info("{} names no classes: its labels are taken for those of {}.", numbered->name, named->name);
  }
  if (named != nullptr || numbered != nullptr) classes_ = (named != nullptr ? named : numbered)->classes;
}

void Repacking::plan() {
  const auto is_called = [](const char* name) {
    return [name](const auto& source) { return source->name() == name; };
  };
  const bool has_validation = std::ranges::any_of(sources_, is_called("validation"));
  if (options_.validation_fraction > 0 && has_validation)
    throw UsageError(
        "the input has validation images of its own, so none are taken from the training images. Leave the validation fraction out.");
  if (options_.validation_fraction > 0 && std::ranges::none_of(sources_, is_called("train")))
    throw UsageError("the input has no training images to take validation images from.");
  for (const auto& source : sources_)
    if (options_.validation_fraction > 0 && source->name() == "train")
      choose_validation(*source);
    else
      add_written(source->name(), *source, nullptr);
}

void Repacking::choose_validation(const RepackRows& train) {
  if (unlabelled_.contains("train"))
    throw UsageError(
        "A validation fraction is taken of every class, but these images have none. Leave it out.");
  StratifiedChoice choice = choose_stratified(train.labels(), options_.validation_fraction, options_.seed);
  if (!choice.lone_classes.empty())
    log_info("{} class(es) have one image, which stays in train.", choice.lone_classes.size());
  const auto taken = std::make_shared<const RowSet>(choice.chosen);
  choice.chosen.flip();
  add_written("train", train, std::make_shared<const RowSet>(choice.chosen));
  add_written("validation", train, taken);
}

void Repacking::add_written(const std::string& name, const RepackRows& rows,
                            std::shared_ptr<const RowSet> chosen) {
  const std::uint64_t wanted = chosen ? chosen->size() : rows.rows();
  std::uint64_t all = 0;
  for (const auto& source : sources_) all += source->rows() * source->row_bytes();
  const double share =
      static_cast<double>(wanted * rows.row_bytes()) / static_cast<double>(std::max<std::uint64_t>(1, all));
  const auto number = static_cast<std::uint64_t>(std::ranges::find(kSplits, name) - kSplits.begin());
  RowInput input{.rows = rows.rows(),
                 .row_bytes = rows.row_bytes(),
                 .step = rows.step(),
                 .read = [&rows](std::uint64_t first, std::uint64_t count, std::span<std::byte> out) {
                   rows.read(first, count, out);
                 }};
  RowOrderOptions order{
      .chosen = std::move(chosen),
      .shuffle = options_.shuffle,
      .seed = options_.seed,
      .number = number,
      .memory_bytes = static_cast<std::uint64_t>(share * static_cast<double>(options_.memory_bytes)),
      .beside = options_.output,
      .progress = [this, name, wanted](std::uint64_t done) { report("reading " + name, done, wanted); }};
  const bool labelled = !unlabelled_.contains(name);
  splits_.push_back(
      {name, &rows, labelled, std::make_unique<OrderedRows>(std::move(input), std::move(order))});
}

std::uint64_t Repacking::bytes() const {
  constexpr std::uint64_t kOverhead = 1 << 20;  // HDF5's own structures
  std::uint64_t bytes = kOverhead;
  for (const Written& split : splits_)
    bytes += split.order->size() * (split.rows->row_bytes() + sizeof(std::int32_t)) +
             split.order->temporary_bytes();
  return bytes;
}

/// What the inputs say of themselves alike, and what was done here.
std::vector<std::pair<std::string, std::string>> Repacking::provenance() const {
  std::vector<std::pair<std::string, std::string>> result;
  std::vector<std::string> files;
  for (const std::vector<RepackSplit>& input : options_.inputs) {
    if (input.empty()) continue;
    const std::string& path = input.front().data.path;
    const Hdf5File file = Hdf5File::open(path);
    std::vector<std::pair<std::string, std::string>> own;
    for (const std::string& name : file.attributes("/"))
      if (constexpr std::string_view kBefore = "provenance_"; name.starts_with(kBefore))
        own.emplace_back(name.substr(kBefore.size()), file.string_attribute("/", name));
    if (files.empty()) result = own;
    std::erase_if(result, [&](const auto& each) { return std::ranges::find(own, each) == own.end(); });
    files.push_back(fmt::format("{} ({} bytes)", fs::path(path).filename().string(), fs::file_size(path)));
  }
  std::erase_if(result, [](const auto& each) { return each.first.starts_with("repacked"); });
  result.emplace_back("repacked_from", fmt::format("{}", fmt::join(files, ", ")));
  result.emplace_back("repacked_order", options_.shuffle ? fmt::format("shuffled, seed {}", options_.seed)
                                                         : std::string("as in the input"));
  if (options_.validation_fraction > 0)
    result.emplace_back("repacked_validation", fmt::format("{} of every class of train, seed {}",
                                                           options_.validation_fraction, options_.seed));
  result.emplace_back("repacked_by", options_.program);
  return result;
}

DatasetSpec Repacking::spec() const {
  const SourceInfo& info = sources_.front()->info();
  const std::string& path = options_.inputs.front().front().data.path;
  const Hdf5File file = Hdf5File::open(path);
  std::string description = options_.description;
  if (description.empty())
    description = file.has_attribute("/", "description")
                      ? file.string_attribute("/", "description")
                      : "written anew from " + fs::path(path).filename().string();
  const std::uint64_t image = sources_.front()->pixel_bytes();
  return {
      .shape = info.shape,
      .pixels = info.pixels,
      .classes = classes_,
      .description = description,
      .provenance = provenance(),
      .chunk_rows = options_.chunk_rows > 0 ? options_.chunk_rows : good_chunk_rows(image, info.shape.flat),
      .deflate = options_.deflate,
      .columns = info.value_names,
      .labelled = !classes_.empty()};
}

std::vector<std::string> Repacking::write() {
  require_free_space(options_.output, bytes());
  std::vector<SplitSize> sizes;
  for (const Written& split : splits_) sizes.push_back({split.name, split.order->size()});
  ShardedWriter writer(sharded_output(options_), spec(), sizes);
  for (std::uint64_t part = 0; part < writer.parts(); ++part) {
    const std::vector<PartRows> rows = writer.rows(part);
    writer.write(part, [&](DatasetWriter& file) {
      for (std::size_t k = 0; k < splits_.size(); ++k) {
        write_rows(file, splits_[k], rows[k].count);
        describe(file, splits_[k]);
      }
    });
  }
  return writer.commit();
}

/// Blocks of whole chunks.
void Repacking::write_rows(DatasetWriter& writer, Written& split, std::uint64_t count) {
  constexpr std::uint64_t kBytes = 8 << 20;
  const auto chunk = static_cast<std::uint64_t>(spec().chunk_rows);
  const std::uint64_t row_bytes = split.rows->row_bytes();
  const std::uint64_t step = chunk * std::max<std::uint64_t>(1, kBytes / row_bytes / chunk);
  for (std::uint64_t done = 0; done < count;) {
    const std::uint64_t rows = std::min(step, count - done);
    split.block.resize(rows * row_bytes);
    split.numbers.resize(rows);
    split.order->next(split.block, split.numbers);
    write_block(writer, split);
    done += rows;
    split.written += rows;
    report("writing " + split.name, split.written, split.order->size());
  }
}

void Repacking::write_block(DatasetWriter& writer, const Written& split) const {
  const std::size_t rows = split.numbers.size();
  const std::size_t row_bytes = split.rows->row_bytes();
  std::vector<std::byte> values;
  const auto gather = [&](std::size_t offset, std::size_t bytes) {
    values.resize(rows * bytes);
    for (std::size_t i = 0; i < rows; ++i)
      std::copy_n(split.block.begin() + static_cast<std::ptrdiff_t>(i * row_bytes + offset), bytes,
                  values.begin() + static_cast<std::ptrdiff_t>(i * bytes));
  };
  gather(0, split.rows->pixel_bytes());
  if (split.labelled) {
    std::vector<std::int32_t> labels;
    for (const std::uint64_t row : split.numbers) labels.push_back(split.rows->labels()[row]);
    writer.append(split.name, values, labels);
  } else {
    writer.append_images(split.name, values, rows);
  }
  std::size_t offset = split.rows->pixel_bytes();
  for (const RepackColumn& column : split.rows->columns()) {
    gather(offset, column.row_bytes);
    writer.append_values(split.name + "/" + column.name, column.type, column.extents, values);
    offset += column.row_bytes;
  }
}

/// Names of values, and how the pixels were made.
void Repacking::describe(DatasetWriter& writer, const Written& split) const {
  for (const RepackColumn& column : split.rows->columns())
    if (!column.names.empty())
      writer.file().set_attribute(split.name + "/" + column.name, "columns", column.names);
  const std::string& images = split.rows->first().images;
  const Hdf5File file = Hdf5File::open(split.rows->first().path);
  for (const char* name : kFormAttributes) {
    if (!file.has_attribute(images, name)) continue;
    try {
      if (name == std::string_view("clip"))
        writer.file().set_attribute(split.name + "/images", name, file.int64_attribute(images, name));
      else
        writer.file().set_attribute(split.name + "/images", name, file.string_attribute(images, name));
    } catch (const DataError&) {  // something else that a foreign file calls so
    }
  }
}

void check(const RepackOptions& options) {
  expect_contract(!options.inputs.empty(), "there is something to write anew");
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1))
    throw UsageError("The validation fraction is {}, but it must be at least 0 and below 1.",
                     options.validation_fraction);
  if (options.chunk_rows < 0)
    throw UsageError("Chunks of {} images cannot be: name at least 1, or 0 for about half a megabyte.",
                     options.chunk_rows);
  for (const std::vector<RepackSplit>& input : options.inputs)
    for (const RepackSplit& split : input) {
      std::error_code unknown;
      if (fs::equivalent(split.data.path, options.output, unknown))
        throw UsageError("{}: is read and cannot be the output at the same time. Choose another name.",
                         options.output);
    }
  check_sharded_output(sharded_output(options));
}

}  // namespace

std::int64_t good_chunk_rows(std::uint64_t image_bytes, bool flat) {
  constexpr std::uint64_t kUsual = 128, kMost = 1024, kMostFlat = 8192;
  constexpr std::uint64_t kLow = 256 << 10, kHigh = 1 << 20;
  image_bytes = std::max<std::uint64_t>(1, image_bytes);
  std::uint64_t rows = kUsual;
  while (rows > 1 && rows * image_bytes > kHigh) rows /= 2;
  while (rows < (flat ? kMostFlat : kMost) && rows * image_bytes < kLow) rows *= 2;
  return static_cast<std::int64_t>(rows);
}

std::vector<std::string> repack(const RepackOptions& options, const RepackProgress& progress) {
  check(options);
  return Repacking(options, progress).write();
}

}  // namespace annulus::io
