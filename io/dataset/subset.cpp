// Numbers are translated, and the whole does the rest.
#include "io/dataset/subset.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "io/dataset/check_buffers.hpp"
#include "io/dataset/shared_load.hpp"

namespace annulus::io {
namespace {

/// Places of a part of the samples.
std::shared_ptr<const RowSet> places_of(const RowSet& rows, const RowSet& places) {
  std::vector<bool> chosen(places.whole());
  for (std::uint64_t i = 0; i < rows.size(); ++i) chosen[places.row(rows.row(i))] = true;
  return std::make_shared<const RowSet>(chosen);
}

class Subset final : public SampleSource {
 public:
  Subset(std::shared_ptr<SampleSource> whole, std::shared_ptr<const RowSet> rows, const std::string& name)
      : whole_(std::move(whole)), info_(whole_->info()) {
    expect_contract(!info_.endless && info_.rows == nullptr && rows->whole() == info_.samples,
                    "the rows of a part are those of its whole");
    const auto labels = whole_->all_labels();
    if (!labels.empty()) labels_.reserve(rows->size());
    for (std::uint64_t i = 0; !labels.empty() && i < rows->size(); ++i)
      labels_.push_back(labels[rows->row(i)]);
    const auto weights = whole_->all_weights();
    for (std::uint64_t i = 0; !weights.empty() && i < rows->size(); ++i)
      weights_.push_back(weights[rows->row(i)]);
    info_.name = name;
    info_.samples = rows->size();
    info_.rows = std::move(rows);
    if (info_.places != nullptr) info_.places = places_of(*info_.rows, *info_.places);
    whole_->expect_rows(info_.rows);
  }

  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return labels_; }
  std::span<const float> all_weights() const override { return weights_; }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    std::vector<std::uint64_t> rows(samples.size());  // not a member: parts of a whole may be read together
    std::transform(samples.begin(), samples.end(), rows.begin(),
                   [&](std::uint64_t sample) { return info_.rows->row(sample); });
    whole_->read(rows, buffers);
  }
  void check_unchanged() const override { whole_->check_unchanged(); }
  void expect_rows(const std::shared_ptr<const RowSet>& rows) override {
    whole_->expect_rows(std::make_shared<const RowSet>(rows_of_whole(*rows, *info_.rows)));
  }
  ReadCounts read_counts() const override { return whole_->read_counts(); }

 private:
  std::shared_ptr<SampleSource> whole_;
  SourceInfo info_;
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;
};

/// All samples of a source in memory: reports of the ranks, then vectors, then pixels.
class Kept final : public SampleSource {
 public:
  Kept(SampleSource& source, const NodeMemoryFactory& memory)
      : info_(source.info()),
        row_bytes_(static_cast<std::size_t>(info_.shape.size()) * size_of(info_.pixels)),
        floats_(static_cast<std::size_t>(total_length(info_.vectors))),
        labels_(source.all_labels().begin(), source.all_labels().end()),
        weights_(source.all_weights().begin(), source.all_weights().end()),
        memory_(memory(SharedLoad::kBytes + info_.samples * (floats_ * sizeof(float) + row_bytes_))) {
    expect_contract(labels_.size() == info_.samples, "what is kept has its labels in memory");
    SharedLoad(*memory_).run([&](int part, int parts) {
      load(source, part, parts);
      source.check_unchanged();
    });
    info_.resident = true;
    info_.chunk = 1;
    info_.places = nullptr;
    info_.stored_bytes = 0;
  }

  const SourceInfo& info() const override { return info_; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  std::span<const std::int32_t> all_labels() const override { return labels_; }
  std::span<const float> all_weights() const override { return weights_; }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info_);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      expect_contract(samples[i] < info_.samples, "a sample number is below the number of samples");
      std::memcpy(buffers.pixels.data() + i * row_bytes_, pixels(samples[i], 1).data(), row_bytes_);
      buffers.labels[i] = labels_[samples[i]];
      if (!buffers.vectors.empty())
        std::ranges::copy(vectors(samples[i], 1), buffers.vectors.begin() + i * floats_);
    }
  }

 private:
  std::span<float> vectors(std::uint64_t first, std::uint64_t count) const {
    auto* const all = reinterpret_cast<float*>(memory_->bytes().data() + SharedLoad::kBytes);
    return {all + first * floats_, count * floats_};
  }
  std::span<std::byte> pixels(std::uint64_t first, std::uint64_t count) const {
    const std::size_t begin = SharedLoad::kBytes + info_.samples * floats_ * sizeof(float);
    return memory_->bytes().subspan(begin + first * row_bytes_, count * row_bytes_);
  }

  /// Samples in their order, so that every chunk is read once.
  void load(SampleSource& source, int part, int parts) {
    const std::uint64_t block = std::max<std::uint64_t>(1, kReadBytes / row_bytes_);
    const std::uint64_t begin =
        info_.samples * static_cast<std::uint64_t>(part) / static_cast<std::uint64_t>(parts);
    const std::uint64_t end =
        info_.samples * static_cast<std::uint64_t>(part + 1) / static_cast<std::uint64_t>(parts);
    std::vector<std::uint64_t> numbers;
    std::vector<std::int32_t> labels;
    for (std::uint64_t first = begin; first < end; first += block) {
      const std::uint64_t count = std::min(block, end - first);
      numbers.resize(count);
      labels.resize(count);
      std::iota(numbers.begin(), numbers.end(), first);
      source.read(numbers,
                  {.pixels = pixels(first, count), .labels = labels, .vectors = vectors(first, count)});
    }
  }

  static constexpr std::uint64_t kReadBytes = 8 << 20;
  SourceInfo info_;
  std::size_t row_bytes_;
  std::size_t floats_;
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;
  std::unique_ptr<NodeMemory> memory_;
};

}  // namespace

std::unique_ptr<SampleSource> make_subset(std::shared_ptr<SampleSource> whole,
                                          std::shared_ptr<const RowSet> rows, const std::string& name) {
  return std::make_unique<Subset>(std::move(whole), std::move(rows), name);
}

std::unique_ptr<SampleSource> keep_in_memory(SampleSource& source, const NodeMemoryFactory& memory) {
  return std::make_unique<Kept>(source, memory);
}

}  // namespace annulus::io
