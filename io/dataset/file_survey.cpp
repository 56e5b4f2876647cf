// The first file that has the split is opened as any file is, and what that asks is noted. All others are
// asked the same in one go, so that a file costs one message, whatever the checks are; these then run over
// the answers.
#include "io/dataset/file_survey.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/worker_pool.hpp"
#include "io/dataset/columns.hpp"
#include "io/dataset/shared_load.hpp"

namespace annulus::io {
namespace {

/// The group of a split, or, in the root of a file, its images.
std::string split_name(const DatasetOptions& options) {
  const std::size_t slash = options.images.find_last_of('/');
  return slash == std::string::npos || slash == 0 ? options.images : options.images.substr(0, slash);
}

/// What was asked of the first file, and of that of its labels.
struct Asked {
  std::shared_ptr<Questions> images = std::make_shared<Questions>();
  std::shared_ptr<Questions> labels = std::make_shared<Questions>();
};

/// What there is of one file.
struct Look {
  std::optional<DatasetColumns> columns;  ///< nothing: the file does not have the split
  std::uint64_t found = 0;                ///< FileFacts::found
};

/// Opens files through processes of its own, one thread's.
class Looker {
 public:
  explicit Looker(const DatasetOptions& options) : options_(options), own_(options_of_each(options)) {}

  /// Asks step by step, and notes it.
  Look first_look(std::size_t file, const Asked& asked) {
    return look(
        file, [&] { return images_.open(options_.files[file], asked.images); },
        [&] { return labels_.open(options_.label_files[file], asked.labels); });
  }
  Look look(std::size_t file, const Asked& asked) {
    return look(
        file, [&] { return images_.open(options_.files[file], *asked.images, false); },
        [&] { return labels_.open(options_.label_files[file], *asked.labels, false); });
  }

 private:
  template <class OpenImages, class OpenLabels>
  Look look(std::size_t file, OpenImages&& open_images, OpenLabels&& open_labels) {
    Hdf5File images = open_images();
    Look look;
    for (std::size_t k = 0; k < options_.look_for.size(); ++k)
      look.found |= static_cast<std::uint64_t>(images.exists(options_.look_for[k])) << k;
    if (!images.exists(split_name(options_))) return look;
    own_.path = options_.files[file];
    std::optional<Hdf5File> labels;
    if (!options_.label_files.empty()) labels = open_labels();
    look.columns.emplace(own_, std::move(images), labels ? &*labels : nullptr);
    return look;
  }

  const DatasetOptions& options_;
  DatasetOptions own_;  ///< of the file that is looked at
  SharedReader images_;
  SharedReader labels_;
};

std::string names_text(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kShown ? fmt::format("{}, ... ({})", text, names.size()) : text;
}

/// What two files differ in, first in words, then as each has it; samples of one data set are alike.
struct Difference {
  std::string what;
  std::string one;
  std::string other;
};

std::optional<Difference> difference(const SourceInfo& one, const SourceInfo& other) {
  const auto shape = [](const SourceInfo& info) {
    return info.shape.flat ? fmt::format("{} values", info.shape.channels)
                           : fmt::format("({})", to_string(info.shape));
  };
  const auto type = [](const SourceInfo& info) {
    return std::string(info.pixels == PixelType::uint8 ? "uint8" : "float32");
  };
  const auto names = [](const SourceInfo& info) {
    return info.numbered ? std::vector<std::string>{} : info.classes;
  };
  if (one.shape != other.shape) return Difference{"samples of the shape", shape(one), shape(other)};
  if (one.pixels != other.pixels) return Difference{"pixels of the type", type(one), type(other)};
  if (one.stored.reversed_by != other.stored.reversed_by)
    return Difference{"axes in the order of", one.stored.reversed_by.empty() ? "C" : one.stored.reversed_by,
                      other.stored.reversed_by.empty() ? "C" : other.stored.reversed_by};
  if (names(one) != names(other))
    return Difference{"the class names", names_text(names(one)), names_text(names(other))};
  if (one.value_names != other.value_names)
    return Difference{"the columns", names_text(one.value_names), names_text(other.value_names)};
  if (one.form != other.form)
    return Difference{"pictures made with", one.form.empty() ? "nothing noted" : one.form,
                      other.form.empty() ? "nothing noted" : other.form};
  for (std::size_t k = 0; k < one.vectors.size(); ++k) {
    const std::string what = "for the input " + one.vectors[k].name;
    if (one.vectors[k].length != other.vectors[k].length)
      return Difference{what, fmt::format("{} values", one.vectors[k].length),
                        fmt::format("{} values", other.vectors[k].length)};
    if (one.columns[k] != other.columns[k])
      return Difference{what + " the columns", names_text(one.columns[k]), names_text(other.columns[k])};
  }
  return std::nullopt;
}

void require_alike(const DatasetColumns& one, const DatasetColumns& other) {
  const auto found = difference(one.info(), other.info());
  if (!found) return;
  throw DataError(
      "{}, {}: has {} {}, but {} has {}. Files of one data set (data.files) hold samples of one kind; leave one of the two out, or make it again.",
      other.path(), other.images_name(), found->what, found->other, one.path(), found->one);
}

/// Some of the files, one after another.
struct Share {
  std::vector<FileFacts> facts;
  std::vector<std::int32_t> labels;
  std::vector<float> weights;
  std::map<std::size_t, KeptRows> kept;

  void add(const DatasetColumns& columns) {
    facts.push_back({.version = columns.version().version(),
                     .rows = columns.info().samples,
                     .chunk = columns.chunk_rows(),
                     .stored_bytes = columns.stored_bytes(),
                     .smallest_label = columns.info().stored.smallest_label});
    labels.insert(labels.end(), columns.labels().begin(), columns.labels().end());
    weights.insert(weights.end(), columns.weights().begin(), columns.weights().end());
  }
  void append(Share&& other) {
    facts.insert(facts.end(), other.facts.begin(), other.facts.end());
    labels.insert(labels.end(), other.labels.begin(), other.labels.end());
    weights.insert(weights.end(), other.weights.begin(), other.weights.end());
    kept.merge(std::move(other.kept));
  }
};

/// Nothing: the file is not small, so that opening it once more costs little beside reading it.
std::optional<KeptRows> rows_of(const DatasetColumns& columns) {
  const std::uint64_t rows = columns.info().samples;
  if (rows > kMostInline / std::max<std::uint64_t>(1, sample_bytes(columns.info()))) return std::nullopt;
  KeptRows kept;
  kept.pixels.resize(rows * columns.row_bytes());
  kept.vectors.resize(rows * columns.vector_floats());
  const StoredSplit::Piece all{0, rows, kept.pixels, kept.vectors};
  columns.read_pieces({&all, 1});
  columns.check_unchanged();
  return kept;
}

class Surveyor {
 public:
  explicit Surveyor(const DatasetOptions& options) : options_(options) { find_first(); }

  /// Files [begin, end), by several threads where another process reads them: the library in this one is for
  /// one thread. @throws what is wrong with the first of them
  Share look(std::size_t begin, std::size_t end) {
    const std::size_t most = reads_by_process() ? static_cast<std::size_t>(unpack_threads()) : 1;
    const std::size_t threads = std::clamp<std::size_t>((end - begin) / kFilesOfThread, 1, most);
    std::vector<Share> shares(threads);
    std::vector<std::exception_ptr> errors(threads);
    const auto look_at_part = [&](std::size_t k) {
      try {
        shares[k] =
            look_alone(begin + (end - begin) * k / threads, begin + (end - begin) * (k + 1) / threads);
      } catch (...) {
        errors[k] = std::current_exception();
      }
    };
    if (threads == 1)
      look_at_part(0);
    else
      WorkerPool(static_cast<int>(threads)).run([&](int k) { look_at_part(static_cast<std::size_t>(k)); });
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
    for (std::size_t k = 1; k < threads; ++k) shares[0].append(std::move(shares[k]));
    return std::move(shares[0]);
  }

  std::size_t first() const { return first_; }
  const DatasetColumns& first_columns() const { return *columns_; }

 private:
  static constexpr std::size_t kFilesOfThread = 16;  // for fewer a process more does not pay

  void find_first() {
    Looker looker(options_);
    for (first_ = 0; first_ < options_.files.size(); ++first_) {
      asked_ = Asked{};
      Look look = looker.first_look(first_, asked_);
      found_.push_back(look.found);
      if (!look.columns) continue;
      columns_.emplace(*std::move(look.columns));
      break;
    }
    if (columns_) {
      const std::uint64_t bytes = columns_->info().samples * sample_bytes(columns_->info());
      keeps_ = bytes <= options_.resident_bytes / options_.files.size();
      if (keeps_) rows_of(*columns_);  // so that it is among the questions
    }
    if (columns_) {
      asked_ = {std::make_shared<Questions>(*asked_.images), std::make_shared<Questions>(*asked_.labels)};
      return;
    }
    throw DataError("{}: has no '{}', and {}. Is data.files the right list, and the group named rightly?",
                    options_.files.front(), split_name(options_),
                    options_.files.size() == 1
                        ? std::string("is the only file")
                        : fmt::format("none of the {} files has", options_.files.size()));
  }

  Share look_alone(std::size_t begin, std::size_t end) const {
    Share share;
    Looker looker(options_);
    for (std::size_t file = begin; file < end; ++file) {
      if (file < first_) {
        share.facts.push_back({.found = found_[file]});
        continue;
      }
      const Look look = looker.look(file, asked_);
      const std::optional<DatasetColumns>& columns = look.columns;
      if (columns) require_alike(*columns_, *columns);
      if (!columns) {
        share.facts.push_back({.found = look.found});
        continue;
      }
      share.add(*columns);
      share.facts.back().found = look.found;
      if (!keeps_) continue;
      if (auto rows = rows_of(*columns)) share.kept.emplace(file, *std::move(rows));
    }
    return share;
  }

  const DatasetOptions& options_;
  std::size_t first_ = 0;
  std::vector<std::uint64_t> found_;  ///< of the files up to the first
  Asked asked_;
  std::optional<DatasetColumns> columns_;  ///< of the first file
  bool keeps_ = false;                     ///< rows of small files
};

/// Where the labels of each file begin, and behind the last one the number of all.
std::vector<std::uint64_t> begins_of(const std::vector<FileFacts>& files) {
  std::vector<std::uint64_t> begins{0};
  for (const FileFacts& file : files) begins.push_back(begins.back() + file.rows);
  return begins;
}

/// memcpy() for which nothing has an address, too.
void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

/// Everybody looks at a share and has all of it in the end.
Share look_together(Surveyor& surveyor, const DatasetOptions& options, const NodeMemoryFactory& memory) {
  const std::size_t count = options.files.size();
  std::size_t begin = 0;
  Share own, all;
  all.facts.resize(count);
  {
    const auto block = memory(SharedLoad::kBytes + count * sizeof(FileFacts));
    std::byte* const place = block->bytes().data() + SharedLoad::kBytes;
    SharedLoad(*block).run([&](int part, int parts) {
      begin = count * static_cast<std::size_t>(part) / static_cast<std::size_t>(parts);
      own =
          surveyor.look(begin, count * static_cast<std::size_t>(part + 1) / static_cast<std::size_t>(parts));
      copy_bytes(place + begin * sizeof(FileFacts), own.facts.data(), own.facts.size() * sizeof(FileFacts));
    });
    copy_bytes(all.facts.data(), place, count * sizeof(FileFacts));
    block->synchronise();  // before it goes
  }
  const std::vector<std::uint64_t> begins = begins_of(all.facts);
  all.labels.resize(begins.back());
  all.weights.resize(options.weights.empty() ? 0 : begins.back());
  const std::size_t label_bytes = all.labels.size() * sizeof(std::int32_t);
  const auto block = memory(SharedLoad::kBytes + label_bytes + all.weights.size() * sizeof(float));
  std::byte* const labels = block->bytes().data() + SharedLoad::kBytes;
  SharedLoad(*block).run([&](int, int) {
    copy_bytes(labels + begins[begin] * sizeof(std::int32_t), own.labels.data(),
               own.labels.size() * sizeof(std::int32_t));
    if (!all.weights.empty())
      copy_bytes(labels + label_bytes + begins[begin] * sizeof(float), own.weights.data(),
                 own.weights.size() * sizeof(float));
  });
  copy_bytes(all.labels.data(), labels, label_bytes);
  copy_bytes(all.weights.data(), labels + label_bytes, all.weights.size() * sizeof(float));
  all.kept = std::move(own.kept);
  block->synchronise();
  return all;
}

}  // namespace

DatasetOptions options_of_each(DatasetOptions options) {
  options.path.clear();
  options.files.clear();
  options.label_files.clear();
  options.limit = 0;
  return options;
}

FileSurvey survey_files(const DatasetOptions& options, const NodeMemoryFactory& memory) {
  expect_contract(options.label_files.empty() || options.label_files.size() == options.files.size(),
                  "every file has a file of labels, or none has");
  Surveyor surveyor(options);
  Share all = look_together(surveyor, options, memory);
  const DatasetColumns& first = surveyor.first_columns();
  FileSurvey survey{.files = std::move(all.facts),
                    .first = surveyor.first(),
                    .info = first.info(),
                    .images = first.images(),
                    .labels = std::move(all.labels),
                    .weights = std::move(all.weights),
                    .kept = std::move(all.kept),
                    .notes = first.notes()};
  const auto without = std::ranges::count(survey.files, std::uint64_t{0}, &FileFacts::rows);
  if (without > 0)
    survey.notes.push_back(fmt::format("{}: {} of {} files have no '{}' and are passed over.",
                                       survey.info.name, without, survey.files.size(), split_name(options)));
  return survey;
}

}  // namespace annulus::io
