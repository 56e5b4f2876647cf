// Shards of WebDataset: tar files in which the files of a sample stand together, named alike up to the first
// dot. Format: https://github.com/webdataset/webdataset#the-webdataset-format
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/import/archive.hpp"
#include "io/import/class_numbers.hpp"
#include "io/import/left_out.hpp"
#include "io/import/name_arena.hpp"
#include "io/import/output.hpp"
#include "io/import/picture_decoder.hpp"
#include "io/import/picture_remarks.hpp"

namespace annulus::io {
namespace {

/// The name of a sample: up to the first dot behind the last folder.
std::string key_of(const std::string& name) {
  const std::size_t file = name.rfind('/') + 1;  // 0 without a folder
  return name.substr(0, name.find('.', file));
}

/// What stands behind the key, in small letters: "jpg", "seg.png".
std::string field_of(const std::string& name) {
  std::string field = name.substr(std::min(name.size(), key_of(name).size() + 1));
  std::transform(field.begin(), field.end(), field.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return field;
}

bool is_picture_field(const std::string& field) {
  return field == "jpg" || field == "jpeg" || field == "png";
}

std::optional<std::int32_t> number_at(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  // The number must end there: neither 1.5 nor 1a.
  const char after = end == text.data() + text.size() ? '\n' : *end;
  return std::string_view(" \t\r\n").find(after) != std::string_view::npos ? std::optional(number)
                                                                           : std::nullopt;
}

/// The whole number of the key "label" of an object; not that of an object inside it.
std::optional<std::int32_t> label_in_json(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto label = json.is_object() ? json.find("label") : json.end();
  if (label == json.end() || !label->is_number_integer()) return std::nullopt;
  const auto number = label->get<std::int64_t>();
  return std::in_range<std::int32_t>(number) ? std::optional(static_cast<std::int32_t>(number))
                                             : std::nullopt;
}

/// A picture and its label.
struct TarSample {
  std::string key;
  std::optional<SourceFile> picture;
  std::optional<std::int32_t> label;
};

/// The samples of one shard, in its order.
class ShardReader {
 public:
  explicit ShardReader(const std::string& path) : path_(path), source_(open_files(path)) {}

  /// @return nothing at the end
  std::optional<TarSample> next() {
    while (true) {
      SourceFile file;
      const bool more = source_->next([](const std::string& name) { return is_wanted(name); }, file);
      const std::string key = more ? key_of(file.name) : "";
      if (more && key == sample_.key) {
        take(file);
        continue;
      }
      TarSample whole = std::exchange(sample_, TarSample{key, {}, {}});
      if (more) take(file);
      if (whole.picture || whole.label) return checked(std::move(whole));
      if (!more) return std::nullopt;
    }
  }

  const FileSource& source() const { return *source_; }

 private:
  static bool is_wanted(const std::string& name) {
    const std::string field = field_of(name);
    return !is_hidden(name) && (is_picture_field(field) || field == "cls" || field == "json");
  }

  void take(SourceFile& file) {
    const std::string field = field_of(file.name);
    const std::string_view text(reinterpret_cast<const char*>(file.contents.data()), file.contents.size());
    const std::string place = path_ + ", " + shown_name(file.name);
    if (is_picture_field(field)) {
      if (sample_.picture)
        throw DataError("{}: is a second picture of the sample {}.", place, shown_name(sample_.key));
      sample_.picture = std::move(file);
    } else if (field == "cls") {
      sample_.label = number_at(text);
      if (!sample_.label)
        throw DataError("{}: holds {}, but a class number is expected.", place,
                        quoted_name(text.substr(0, 60)));
    } else if (!sample_.label) {
      sample_.label = label_in_json(text);
    }
  }

  TarSample checked(TarSample sample) const {
    if (!sample.picture || !sample.label)
      throw DataError(
          "{}: the sample {} has no {}. Its files stand together in the tar, named alike: {}.{}. Was the shard made with sorted names?",
          path_, quoted_name(sample.key),
          sample.picture ? "label (.cls, or .json with \"label\": 3)" : "picture (.jpg, .png)",
          shown_name(sample.key), sample.picture ? "cls" : "jpg");
    return sample;
  }

  std::string path_;
  std::unique_ptr<FileSource> source_;
  TarSample sample_;
};

/// x-{000..003}.tar is four names; others are one.
std::vector<std::string> expanded(const std::string& pattern) {
  const std::size_t open = pattern.find('{');
  const std::size_t dots = pattern.find("..", open == std::string::npos ? 0 : open);
  const std::size_t close = pattern.find('}', dots == std::string::npos ? 0 : dots);
  if (open == std::string::npos || dots == std::string::npos || close == std::string::npos) return {pattern};
  const std::string first = pattern.substr(open + 1, dots - open - 1);
  const std::string last = pattern.substr(dots + 2, close - dots - 2);
  const auto begin = number_at(first);
  const auto end = number_at(last);
  constexpr std::int32_t kMost = 100'000;
  if (!begin || !end || *begin < 0 || *end < *begin || *end - *begin >= kMost)
    throw UsageError("{}: {{{}..{}}} is not a range of numbers, as in {{000000..000146}}.", pattern, first,
                     last);
  std::vector<std::string> names;
  for (std::int32_t i = *begin; i <= *end; ++i)
    names.push_back(
        fmt::format("{}{:0{}}{}", pattern.substr(0, open), i, first.size(), pattern.substr(close + 1)));
  return names;
}

std::vector<std::string> expanded(const std::vector<std::string>& patterns) {
  std::vector<std::string> names;
  for (const std::string& pattern : patterns)
    for (std::string& name : expanded(pattern)) names.push_back(std::move(name));
  return names;
}

using ShardsOfSplits = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// Hash of what the shards are, as FileSource::identity().
std::uint64_t identity_of(const ShardsOfSplits& shards) {
  std::uint64_t identity = 0;
  for (const auto& [split, files] : shards)
    for (const std::string& file : files) {
      const std::string text = fmt::format("{} {} {:016x}", split, file, file_version(file));
      identity = XXH64(text.data(), text.size(), identity);
    }
  return identity;
}

/// Reads the shards of a split one after another and decodes them in batches.
class SplitReader {
 public:
  SplitReader(PictureDecoder& decoder, const ProgressCallback& progress)
      : decoder_(decoder), progress_(progress) {}

  /// Of all splits, in the order of the source. Views of this.
  ListedImages& listed() { return listed_; }

  void read(const std::string& split, const std::vector<std::string>& shards) {
    for (const std::string& shard : shards) {
      ShardReader reader(shard);
      while (std::optional<TarSample> sample = reader.next()) {
        add(split, file_name(shard), std::move(*sample));
        report(progress_, reader.source().done(), reader.source().total(), "reading " + file_name(shard));
      }
    }
    flush();
  }

 private:
  void add(const std::string& split, const std::string& shard, TarSample sample) {
    constexpr std::size_t kMostFiles = kPicturesPerBlock;
    constexpr std::size_t kMostBytes = 64 << 20;
    SourceFile& file = *sample.picture;
    file.name = shard + "/" + file.name;
    const std::uint64_t number = listed_.size();
    listed_.push_back({.name = names_.add(file.name),
                       .split = *texts_.insert(split).first,
                       .class_name = *texts_.insert(std::to_string(*sample.label)).first});
    if (!decoder_.needs(number)) return;
    bytes_ += file.contents.size();
    files_.push_back({number, std::move(file)});
    if (files_.size() == kMostFiles || bytes_ > kMostBytes) flush();
  }
  void flush() {
    if (!files_.empty()) decoder_.decode(files_);
    files_.clear();
    bytes_ = 0;
  }

  PictureDecoder& decoder_;
  const ProgressCallback& progress_;
  std::vector<NumberedFile> files_;
  NameArena names_;
  std::set<std::string> texts_;  ///< of splits and classes
  ListedImages listed_;
  std::size_t bytes_ = 0;
};

}  // namespace

void import_webdataset(const ImportOptions& options, const WebDatasetOptions& web, const ImageOptions& images,
                       const ProgressCallback& progress) {
  PictureDecoder decoder(options, images);
  check_import_options(options);
  const ShardsOfSplits shards{
      {"train", expanded(web.train)}, {"validation", expanded(web.validation)}, {"test", expanded(web.test)}};
  if (shards[0].second.empty())
    throw UsageError("No shards are named. Give the tar files of the training samples.");
  decoder.begin(identity_of(shards));
  SplitReader reader(decoder, progress);
  for (const auto& [split, files] : shards) reader.read(split, files);

  ListedImages& listed = reader.listed();
  decoder.finish(listed);
  if (listed.empty()) throw DataError("{}: no picture could be read.", options.source);
  ImportedData data;
  data.shape = decoder.shape();
  data.pixels = images.pixels;
  data.description =
      fmt::format("WebDataset of {} shards, {}", shards[0].second.size(), file_name(options.source));
  std::vector<SourceLabels> labels;
  for (const auto& [split, files] : shards) {
    SourceLabels own{options.source, {}};
    std::vector<std::uint64_t> slots;
    for (const ListedImage& image : listed) {
      if (image.split != split) continue;
      own.labels.push_back(number_at(image.class_name).value());
      slots.push_back(image.slot);
    }
    if (slots.empty()) continue;
    data.provenance.emplace_back(split, fmt::format("{} shards, {} samples", files.size(), slots.size()));
    data.splits.push_back({split, {}, [&decoder, slots](std::uint64_t row, std::span<std::byte> pixels) {
                             decoder.read(slots[row], pixels);
                           }});
    labels.push_back(std::move(own));
  }
  data.classes = number_classes({web.classes, web.first_label}, labels);
  for (std::size_t i = 0; i < labels.size(); ++i) data.splits[i].labels = std::move(labels[i].labels);
  for (const PictureRemark& remark : picture_remarks(listed, images)) {
    log_info("{}", remark.sentence);
    data.provenance.emplace_back(remark.key, remark.provenance);
  }
  data.pixels_hash = decoder.key();
  data.before_end = [&] { decoder.remove(); };
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
