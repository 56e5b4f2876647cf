// Validation split, free space, blocks of rows, provenance.
#include "io/import/output.hpp"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/dataset/doubled_name.hpp"
#include "io/dataset/sharded_writer.hpp"
#include "io/dataset/stratified_choice.hpp"

namespace annulus::io {
namespace {

/// Moves the chosen rows of `train` into a new split that reads them through it.
void take_validation(const ImportOptions& options, std::vector<ImportSplit>& splits) {
  if (options.validation_fraction <= 0) return;
  const auto named = [&](const char* name) {
    return std::find_if(splits.begin(), splits.end(), [&](const ImportSplit& s) { return s.name == name; });
  };
  if (named("validation") != splits.end())
    throw UsageError(
        "{}: has validation images of its own, so none are taken from the training images. Leave the validation fraction out.",
        options.source);
  const auto train = named("train");
  if (train == splits.end())
    throw UsageError("{}: has no training images to take validation images from.", options.source);

  const std::uint64_t rows = train->labels.size();
  const StratifiedChoice choice = choose_stratified(train->labels, options.validation_fraction, options.seed);
  const std::vector<bool>& chosen = choice.chosen;
  if (!choice.lone_classes.empty())
    log_info("{}: {} class(es) have one image, which stays in train.", options.source,
             choice.lone_classes.size());

  ImportSplit kept{"train", {}, {}};
  ImportSplit taken{"validation", {}, {}};
  std::vector<std::uint64_t> kept_rows;
  std::vector<std::uint64_t> taken_rows;
  for (std::uint64_t row = 0; row < rows; ++row) {
    (chosen[row] ? taken : kept).labels.push_back(train->labels[row]);
    (chosen[row] ? taken_rows : kept_rows).push_back(row);
  }
  kept.pixels = [all = train->pixels, kept_rows = std::move(kept_rows)](
                    std::uint64_t row, std::span<std::byte> out) { all(kept_rows[row], out); };
  taken.pixels = [all = train->pixels, taken_rows = std::move(taken_rows)](
                     std::uint64_t row, std::span<std::byte> out) { all(taken_rows[row], out); };
  *train = std::move(kept);
  splits.insert(std::next(train), std::move(taken));
}

void write_rows(DatasetWriter& writer, const ImportSplit& split, const PartRows& rows, std::size_t row_bytes,
                const ProgressCallback& progress) {
  constexpr std::size_t kRowsPerBlock = 1024;  // whole chunks of 128
  const std::size_t end = rows.first + rows.count;
  std::vector<std::byte> block;
  for (std::size_t first = rows.first; first < end; first += kRowsPerBlock) {
    const std::size_t count = std::min(kRowsPerBlock, end - first);
    block.resize(count * row_bytes);
    for (std::size_t i = 0; i < count; ++i)
      split.pixels(first + i, std::span(block).subspan(i * row_bytes, row_bytes));
    writer.append(split.name, block, std::span(split.labels).subspan(first, count));
    report(progress, first + count, split.labels.size(), "writing " + split.name);
  }
}

/// Grows by everything that the bytes of a file follow from.
class KeyHash {
 public:
  void add(std::span<const std::byte> bytes) { hash_ = XXH64(bytes.data(), bytes.size(), hash_ + 1); }
  void add(const std::string& text) { add(std::as_bytes(std::span(text))); }
  void add(std::uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }
  std::uint64_t value() const { return hash_ == 0 ? 1 : hash_; }

 private:
  std::uint64_t hash_ = 0;
};

/// @return 0 when parts of an earlier process cannot be known to be the same
std::uint64_t key_of(const ImportedData& data, const DatasetSpec& spec) {
  if (data.pixels_hash == 0) return 0;
  KeyHash key;
  key.add(data.pixels_hash);
  for (const std::int64_t extent : {spec.shape.height, spec.shape.width, spec.shape.channels})
    key.add(static_cast<std::uint64_t>(extent));
  key.add(static_cast<std::uint64_t>(spec.pixels));
  key.add(static_cast<std::uint64_t>(spec.deflate));
  key.add(static_cast<std::uint64_t>(spec.labelled));
  key.add(spec.description);
  for (const std::string& name : spec.classes) key.add(name);
  for (const std::string& name : spec.columns) key.add(name);
  for (const auto& [name, text] : spec.provenance) key.add(name + "=" + text);
  for (const ImportSplit& split : data.splits) {
    key.add(split.name);
    key.add(std::as_bytes(std::span(split.labels)));
  }
  return key.value();
}

/// Rank r of W writes the parts r, r + W, ...
void write_parts(const ImportOptions& options, ShardedOutput output, const DatasetSpec& spec,
                 const ImportedData& data, const ProgressCallback& progress) {
  const std::vector<ImportSplit>& splits = data.splits;
  const ImportRanks& ranks = options.ranks;
  std::vector<SplitSize> sizes;
  for (const ImportSplit& split : splits) sizes.push_back({split.name, split.labels.size()});
  std::optional<ShardedWriter> writer;
  output.leads = ranks.rank == 0;
  ranks.on_first("what is there already", [&] {
    constexpr std::uint64_t kOverhead = 1 << 20;  // HDF5's own structures
    writer.emplace(output, spec, sizes);
    require_free_space(options.output, writer->missing_bytes() + kOverhead * writer->parts());
  });
  if (!writer) writer.emplace(output, spec, sizes);
  const auto row_bytes = static_cast<std::size_t>(spec.shape.size()) * size_of(spec.pixels);
  const auto step = static_cast<std::uint64_t>(ranks.count);
  for (auto part = static_cast<std::uint64_t>(ranks.rank); part < writer->parts(); part += step)
    writer->write(part, [&](DatasetWriter& file) {
      const std::vector<PartRows> rows = writer->rows(part);
      for (std::size_t i = 0; i < splits.size(); ++i)
        write_rows(file, splits[i], rows[i], row_bytes, progress);
    });
  ranks.meet("writing its parts");
  ranks.on_first("names of the parts", [&] { writer->commit(data.before_end); });
}

}  // namespace

void check_import_options(const ImportOptions& options) {
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1))
    throw UsageError("The validation fraction is {}, but it must be at least 0 and below 1.",
                     options.validation_fraction);
  if (options.deflate < 0 || options.deflate > 9)
    throw UsageError("The gzip level is {}, but it must be from 0 (none) to 9.", options.deflate);
  options.ranks.on_first("a look at the output", [&] {
    check_sharded_output(
        {.path = options.output, .existing = options.existing, .sharding = options.sharding});
  });
}

void write_imported(const ImportOptions& options, ImportedData data, const ProgressCallback& progress) {
  if (const auto doubled = doubled_name(data.classes))
    throw DataError("{}: the class {}, so nobody could tell the two by name.", options.source,
                    doubled_text(data.classes, *doubled));
  if (!data.labelled && options.validation_fraction > 0)
    throw UsageError(
        "A validation fraction is taken of every class, but these images have none. Leave it out.");
  take_validation(options, data.splits);
  std::erase_if(data.splits, [](const ImportSplit& split) { return split.labels.empty(); });
  const auto row_bytes = static_cast<std::size_t>(data.shape.size()) * size_of(data.pixels);
  constexpr std::size_t kFlatRows = 8192;       // as of the labels: rows are a few numbers
  constexpr std::size_t kFlatChunk = 16 << 20;  // or many: a chunk is written and read as a whole
  const auto flat_rows = static_cast<std::int64_t>(
      std::clamp<std::size_t>(kFlatChunk / std::max<std::size_t>(row_bytes, 1), 1, kFlatRows));
  DatasetSpec spec{.shape = data.shape,
                   .pixels = data.pixels,
                   .classes = std::move(data.classes),
                   .description = options.description.empty() ? data.description : options.description,
                   .provenance = std::move(data.provenance),
                   .chunk_rows = data.shape.flat ? flat_rows : DatasetSpec{}.chunk_rows,
                   .deflate = options.deflate,
                   .columns = std::move(data.columns),
                   .labelled = data.labelled};
  spec.provenance.emplace_back("program", options.program);
  if (options.validation_fraction > 0)
    spec.provenance.emplace_back("validation", fmt::format("{} of every class of train, seed {}",
                                                           options.validation_fraction, options.seed));
  ShardedOutput output{.path = options.output,
                       .existing = options.existing,
                       .sharding = options.sharding,
                       .key = key_of(data, spec)};
  write_parts(options, std::move(output), spec, data, progress);
}

void report(const ProgressCallback& progress, std::uint64_t done, std::uint64_t total,
            const std::string& what) {
  if (progress) progress({done, total, what});
}

std::string file_name(const std::string& path) {
  const std::filesystem::path whole(path);
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace annulus::io
