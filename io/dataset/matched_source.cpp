// Names have become tables of numbers (name_match.hpp); here samples go through them.
#include "io/dataset/matched_source.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/dataset/name_match.hpp"

namespace annulus::io {
namespace {

/// Where the values that a model reads stand.
struct Columns {
  std::vector<ColumnMap> vectors;  ///< one per vector
  ColumnMap values;                ///< of flat samples

  bool stay() const {
    return values.empty() && std::ranges::all_of(vectors, [](const ColumnMap& map) { return map.empty(); });
  }
};

/// Values of flat samples, in the model's order.
template <class Value>
void map_values(const ColumnMap& map, std::size_t length, std::span<const std::byte> stored,
                std::span<std::byte> values) {
  const auto* from = reinterpret_cast<const Value*>(stored.data());
  auto* to = reinterpret_cast<Value*>(values.data());
  for (std::size_t row = 0; row < stored.size() / (length * sizeof(Value)); ++row, from += length)
    for (const std::size_t column : map) *to++ = from[column];
}

class Renamed final : public SampleSource {
 public:
  Renamed(std::unique_ptr<SampleSource> source, ClassMap classes, Columns columns, const DataSignature& model)
      : source_(std::move(source)),
        info_(source_->info()),
        labels_(std::move(classes.labels)),
        columns_(std::move(columns.vectors)),
        values_(std::move(columns.values)),
        row_(static_cast<std::size_t>(total_length(info_.vectors))) {
    info_.classes = std::move(classes.names);
    info_.numbered = !classes.named;
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      lengths_.push_back(static_cast<std::size_t>(info_.vectors[k].length));
      if (columns_[k].empty()) continue;
      info_.vectors[k].length = static_cast<std::int64_t>(columns_[k].size());
      info_.columns[k] = model.vectors[k].columns;
      moves_columns_ = true;
    }
    if (!values_.empty()) {
      info_.shape.channels = static_cast<std::int64_t>(values_.size());
      info_.value_names = value_names(model);
    }
    if (labels_.empty()) return;
    all_labels_.assign(source_->all_labels().begin(), source_->all_labels().end());
    map_labels(all_labels_);
  }

  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override {
    return labels_.empty() ? source_->all_labels() : all_labels_;
  }
  std::span<const float> all_weights() const override { return source_->all_weights(); }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    // Not members: parts of a whole may be read together.
    std::vector<float> vectors;
    std::vector<std::byte> values;
    SampleBuffers stored = buffers;
    const bool moves_vectors = moves_columns_ && !buffers.vectors.empty();
    if (moves_vectors) {
      vectors.resize(samples.size() * row_);
      stored.vectors = vectors;
    }
    if (!values_.empty()) {
      const SourceInfo& own = source_->info();
      values.resize(samples.size() * static_cast<std::size_t>(own.shape.size()) * size_of(own.pixels));
      stored.pixels = values;
    }
    source_->read(samples, stored);
    if (moves_vectors) map_columns(samples.size(), vectors, buffers.vectors);
    if (!values_.empty()) map_pixels(values, buffers.pixels);
    map_labels(buffers.labels.first(samples.size()));
  }
  void check_unchanged() const override { source_->check_unchanged(); }
  void expect_rows(const std::shared_ptr<const RowSet>& rows) override { source_->expect_rows(rows); }
  ReadCounts read_counts() const override { return source_->read_counts(); }

 private:
  void map_labels(std::span<std::int32_t> labels) const {
    if (labels_.empty()) return;
    for (std::int32_t& label : labels) {
      const std::int32_t mapped = label >= 0 && static_cast<std::size_t>(label) < labels_.size()
                                      ? labels_[static_cast<std::size_t>(label)]
                                      : kNoClass;
      if (mapped == kNoClass)
        throw DataError(
            "{}: a sample has the label {}, a class that the model does not know. Was the file changed meanwhile?",
            info_.name, label);
      label = mapped;
    }
  }

  void map_pixels(std::span<const std::byte> stored, std::span<std::byte> pixels) const {
    const auto length = static_cast<std::size_t>(source_->info().shape.size());
    if (info_.pixels == PixelType::uint8)
      map_values<std::uint8_t>(values_, length, stored, pixels);
    else
      map_values<float>(values_, length, stored, pixels);
  }

  void map_columns(std::size_t rows, std::span<const float> stored, std::span<float> vectors) const {
    const float* from = stored.data();
    auto to = vectors.begin();
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t k = 0; k < columns_.size(); from += lengths_[k++]) {
        if (columns_[k].empty())
          to = std::copy_n(from, lengths_[k], to);
        else
          to = std::transform(columns_[k].begin(), columns_[k].end(), to,
                              [from](std::size_t c) { return from[c]; });
      }
    }
  }

  std::unique_ptr<SampleSource> source_;
  SourceInfo info_;
  std::vector<std::int32_t> labels_;      ///< see ClassMap
  std::vector<std::int32_t> all_labels_;  ///< the model's, where labels are mapped
  std::vector<ColumnMap> columns_;        ///< one per vector
  ColumnMap values_;                      ///< of flat samples
  std::vector<std::size_t> lengths_;      ///< of the vectors as the source gives them
  std::size_t row_;                       ///< floats of them all
  bool moves_columns_ = false;
};

/// A table that changes nothing is none.
void drop_identity(ClassMap& map) {
  std::vector<std::int32_t> same(map.labels.size());
  std::iota(same.begin(), same.end(), 0);
  if (map.labels == same) map.labels.clear();
}

}  // namespace

MatchedSource match_source(std::unique_ptr<SampleSource> source, const DataSignature& model,
                           const MatchOptions& options) {
  MatchedSource matched;
  const SourceInfo& info = source->info();
  if (!options.any_form && !info.form.empty() && !model.form.empty() && info.form != model.form)
    throw DataError(
        "{}: its images were made otherwise than those that the model was trained on: {}; there {}. A pixel shows something else, so its answers would mean nothing. Choose images of that form (`annulus rich images` makes them, data.images names them), or add --allow-change data.pixels.",
        info.name, shown_name(info.form), shown_name(model.form));
  ClassMap classes = match_classes(*source, model, options, matched.notes);
  drop_identity(classes);
  Columns columns;
  columns.vectors.resize(info.vectors.size());
  for (std::size_t k = 0; k < info.vectors.size() && !options.columns_by_place; ++k)
    if (k < model.vectors.size() && model.vectors[k].vector == info.vectors[k].name)
      columns.vectors[k] = match_columns(info, k, model.vectors[k], matched.notes);
  if (!options.columns_by_place) columns.values = match_values(info, value_names(model), matched.notes);
  if (classes.labels.empty() && classes.names == info.classes && columns.stay())
    matched.source = std::move(source);
  else
    matched.source =
        std::make_unique<Renamed>(std::move(source), std::move(classes), std::move(columns), model);
  return matched;
}

}  // namespace annulus::io
