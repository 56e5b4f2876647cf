// Names have become tables of numbers (name_match.hpp); here samples go through them.
#include "io/dataset/matched_source.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "io/dataset/name_match.hpp"

namespace annulus::io {
namespace {

class Renamed final : public SampleSource {
 public:
  Renamed(std::unique_ptr<SampleSource> source, ClassMap classes, std::vector<ColumnMap> columns,
          const DataSignature& model)
      : source_(std::move(source)),
        info_(source_->info()),
        labels_(std::move(classes.labels)),
        columns_(std::move(columns)),
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
    if (labels_.empty()) return;
    all_labels_.assign(source_->all_labels().begin(), source_->all_labels().end());
    map_labels(all_labels_);
  }

  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override {
    return labels_.empty() ? source_->all_labels() : all_labels_;
  }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    if (!moves_columns_ || buffers.vectors.empty()) {
      source_->read(samples, buffers);
    } else {
      stored_.resize(samples.size() * row_);
      source_->read(samples, {buffers.pixels, buffers.labels, stored_});
      map_columns(samples.size(), buffers.vectors);
    }
    map_labels(buffers.labels.first(samples.size()));
  }
  void check_unchanged() const override { source_->check_unchanged(); }

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

  void map_columns(std::size_t rows, std::span<float> vectors) const {
    const float* from = stored_.data();
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
  std::vector<std::size_t> lengths_;      ///< of the vectors as the source gives them
  std::size_t row_;                       ///< floats of them all
  bool moves_columns_ = false;
  std::vector<float> stored_;
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
        info.name, info.form, model.form);
  ClassMap classes = match_classes(*source, model, options, matched.notes);
  drop_identity(classes);
  std::vector<ColumnMap> columns(info.vectors.size());
  for (std::size_t k = 0; k < info.vectors.size() && !options.columns_by_place; ++k)
    if (k < model.vectors.size() && model.vectors[k].vector == info.vectors[k].name)
      columns[k] = match_columns(info, k, model.vectors[k], matched.notes);
  const bool moves_columns = std::ranges::any_of(columns, [](const ColumnMap& map) { return !map.empty(); });
  if (classes.labels.empty() && classes.names == info.classes && !moves_columns)
    matched.source = std::move(source);
  else
    matched.source =
        std::make_unique<Renamed>(std::move(source), std::move(classes), std::move(columns), model);
  return matched;
}

}  // namespace annulus::io
