// Parts of a source: which rows they are, and that resident and streamed parts give the same samples.
#include "io/dataset/subset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "base/error.hpp"
#include "base/node_memory.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/stratified_choice.hpp"
#include "io/dataset/writer.hpp"
#include "io/hdf5/file.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::uint64_t> counts_of(const std::vector<std::int32_t>& labels, const std::vector<bool>& of) {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    counts.resize(std::max(counts.size(), static_cast<std::size_t>(labels[i]) + 1));
    counts[static_cast<std::size_t>(labels[i])] += of[i] ? 1 : 0;
  }
  return counts;
}

/// So many samples of each class, mixed.
std::vector<std::int32_t> labels_of(const std::vector<int>& counts) {
  std::vector<std::int32_t> labels;
  for (std::size_t c = 0; c < counts.size(); ++c)
    labels.insert(labels.end(), static_cast<std::size_t>(counts[c]), static_cast<std::int32_t>(c));
  std::shuffle(labels.begin(), labels.end(), std::mt19937(5));
  return labels;
}

TEST(RowSet, CountsAndFindsItemsOfRowsThatComeSeveralTimes) {
  std::mt19937 random(3);
  for (const std::size_t rows : {1u, 63u, 64u, 65u, 128u, 1000u}) {
    std::vector<std::uint32_t> times(rows);
    for (std::size_t i = 0; i < rows; ++i) times[i] = random() % 7 < 5 ? 0 : random() % 200;
    times[rows - 1] = 2;
    const RowSet set(times);

    std::uint64_t seen = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      ASSERT_EQ(set.before(row), seen) << row << " of " << rows;
      for (std::uint32_t k = 0; k < times[row]; ++k) ASSERT_EQ(set.row(seen++), row);
    }
    EXPECT_EQ(set.before(rows), seen);
    EXPECT_EQ(set.size(), seen);
    EXPECT_EQ(set.whole(), rows);
  }
}

TEST(RowSet, ItemsOfAPartAreItemsOfTheWhole) {
  const RowSet part(std::vector<bool>{false, true, false, true, true, false});
  const RowSet items(std::vector<std::uint32_t>{2, 0, 3});

  const RowSet whole = rows_of_whole(items, part);

  EXPECT_EQ(whole.whole(), 6u);
  ASSERT_EQ(whole.size(), 5u);
  for (std::uint64_t item = 0; item < 5; ++item) EXPECT_EQ(whole.row(item), part.row(items.row(item)));
}

TEST(RowSet, CountsAndFindsRowsAcrossWords) {
  std::mt19937 random(3);
  for (const std::size_t rows : {1u, 63u, 64u, 65u, 128u, 1000u}) {
    std::vector<bool> chosen(rows);
    for (std::size_t i = 0; i < rows; ++i) chosen[i] = random() % 7 == 0;
    chosen[rows - 1] = true;
    const RowSet set(chosen);

    std::uint64_t seen = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      ASSERT_EQ(set.before(row), seen) << row << " of " << rows;
      if (!chosen[row]) continue;
      ASSERT_EQ(set.row(seen++), row);
    }
    EXPECT_EQ(set.before(rows), seen);
    EXPECT_EQ(set.size(), seen);
    EXPECT_THROW(set.row(seen), std::logic_error);
  }
}

/// Three samples of a file to which somebody has written.
class RewrittenSource final : public SampleSource {
 public:
  RewrittenSource() { info_ = {.name = "a.h5", .samples = 3, .shape = {1, 1, 1}}; }
  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void read(std::span<const std::uint64_t>, const SampleBuffers&) override {}
  void check_unchanged() const override { throw DataError("somebody has written to it"); }
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }

 private:
  SourceInfo info_;
};

TEST(Subset, NoticesThatItsWholeIsRewritten) {
  const auto part = make_subset(std::make_shared<RewrittenSource>(),
                                std::make_shared<const RowSet>(std::vector<bool>{true, false, true}), "part");

  EXPECT_EQ(error_of([&] { part->check_unchanged(); }), "somebody has written to it");
}

TEST(StratifiedChoice, EveryClassGivesItsShare) {
  const auto labels = labels_of({1000, 100, 10});

  const StratifiedChoice choice = choose_stratified(labels, 0.1, 1);

  EXPECT_THAT(counts_of(labels, choice.chosen), ElementsAre(100, 10, 1));
  EXPECT_THAT(choice.lone_classes, IsEmpty());
}

TEST(StratifiedChoice, LeavesNoClassEmptyOnEitherSide) {
  const auto labels = labels_of({200, 3, 2, 1, 0, 2});

  const StratifiedChoice few = choose_stratified(labels, 0.01, 1);
  const StratifiedChoice most = choose_stratified(labels, 0.99, 1);

  EXPECT_THAT(counts_of(labels, few.chosen), ElementsAre(2, 1, 1, 0, 0, 1));
  EXPECT_THAT(counts_of(labels, most.chosen), ElementsAre(199, 2, 1, 0, 0, 1));
  EXPECT_THAT(few.lone_classes, ElementsAre(3));
}

TEST(StratifiedChoice, SharesAddUpToThatOfTheWhole) {
  // Half a sample of each of ten classes: five of them give one, not all and not none.
  const auto labels = labels_of({25, 25, 25, 25, 25, 25, 25, 25, 25, 25});

  const StratifiedChoice choice = choose_stratified(labels, 0.1, 1);

  EXPECT_EQ(std::count(choice.chosen.begin(), choice.chosen.end(), true), 25);
}

TEST(StratifiedChoice, FollowsFromTheSeedAndFromNothingElse) {
  const auto labels = labels_of({50, 50});

  const auto first = choose_stratified(labels, 0.2, 1).chosen;

  EXPECT_EQ(choose_stratified(labels, 0.2, 1).chosen, first);
  EXPECT_NE(choose_stratified(labels, 0.2, 2).chosen, first);
  // Another class does not change which of these are taken.
  auto more = labels;
  more.insert(more.end(), 20, 2);
  auto longer = choose_stratified(more, 0.2, 1).chosen;
  longer.resize(first.size());
  EXPECT_EQ(longer, first);
}

TEST(StratifiedChoice, RefusesWhatCannotBeDivided) {
  EXPECT_THAT(error_of([] {
                choose_stratified(std::vector<std::int32_t>{0, 1, 2}, 0.5, 1);
              }),
              HasSubstr("no class has two"));
}

constexpr std::uint64_t kRows = 90;

std::string write_rows() {
  const std::string path = fresh_path("data.h5");
  Hdf5File file = Hdf5File::create(path);
  std::vector<std::uint8_t> pixels(kRows * 4);
  std::vector<std::int64_t> labels(kRows);
  std::vector<float> vectors(kRows * 2);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i % 251);
  for (std::size_t i = 0; i < kRows; ++i) labels[i] = static_cast<std::int64_t>(i % 3);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] = static_cast<float>(i);
  const Hdf5Layout chunks{.chunk_rows = 8};
  file.write("train/images", {kRows, 2, 2, 1}, std::span<const std::uint8_t>(pixels), chunks);
  file.write("train/labels", {kRows}, std::span<const std::int64_t>(labels));
  file.write("train/more", {kRows, 2}, std::span<const float>(vectors));
  file.close();
  return path;
}

std::unique_ptr<SampleSource> open_rows(const std::string& path, std::uint64_t resident_bytes) {
  return open_dataset({.path = path,
                       .vectors = {{"more", "train/more"}},
                       .resident_bytes = resident_bytes,
                       .cache_bytes = 1 << 12},
                      make_private_memory);
}

struct Samples {
  std::vector<std::byte> pixels;
  std::vector<std::int32_t> labels;
  std::vector<float> vectors;
  bool operator==(const Samples&) const = default;
};

Samples read(SampleSource& source, const std::vector<std::uint64_t>& numbers) {
  Samples samples{std::vector<std::byte>(numbers.size() * 4), std::vector<std::int32_t>(numbers.size()),
                  std::vector<float>(numbers.size() * 2)};
  source.read(numbers, {samples.pixels, samples.labels, samples.vectors});
  return samples;
}

std::shared_ptr<const RowSet> every_seventh() {
  std::vector<bool> chosen(kRows);
  for (std::size_t i = 3; i < kRows; i += 7) chosen[i] = true;
  return std::make_shared<const RowSet>(chosen);
}

TEST(Subset, GivesTheRowsOfItsSetWhereverTheyLie) {
  const std::string path = write_rows();
  const auto rows = every_seventh();
  const std::shared_ptr<SampleSource> resident = open_rows(path, 1 << 20);
  const std::shared_ptr<SampleSource> streamed = open_rows(path, 0);
  std::vector<std::uint64_t> numbers(rows->size());
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  std::reverse(numbers.begin(), numbers.end());
  std::vector<std::uint64_t> stored;
  stored.reserve(numbers.size());
  for (const std::uint64_t number : numbers) stored.push_back(3 + 7 * number);
  const Samples expected = read(*resident, stored);

  const auto from_memory = make_subset(resident, rows, "part");
  const auto from_disk = make_subset(streamed, rows, "part");
  const auto kept = keep_in_memory(*from_disk, make_private_memory);

  EXPECT_EQ(read(*from_memory, numbers), expected);
  EXPECT_EQ(read(*from_disk, numbers), expected);
  EXPECT_EQ(read(*kept, numbers), expected);
  EXPECT_TRUE(kept->info().resident);
  EXPECT_FALSE(from_disk->info().resident);
  for (const auto* part : {&from_memory, &from_disk, &kept}) {
    const SourceInfo& info = (*part)->info();
    EXPECT_EQ(info.samples, rows->size());
    EXPECT_EQ(stored_row(info, 2), 17u);
    EXPECT_TRUE(std::ranges::equal(
        (*part)->all_labels(), read(*resident, {3, 10, 17, 24, 31, 38, 45, 52, 59, 66, 73, 80, 87}).labels));
  }
}

}  // namespace
}  // namespace annulus::io
