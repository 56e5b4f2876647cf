// Labels of a part are those of its rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/dataset/subset.hpp"

namespace annulus::io {
namespace {

class LabelledSource final : public SampleSource {
 public:
  LabelledSource() { info_ = {.name = "a.h5", .samples = 4, .shape = {1, 1, 1}}; }
  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return labels_; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t>, const SampleBuffers&) override {}

 private:
  SourceInfo info_;
  std::vector<std::int32_t> labels_{5, 6, 7, 8};
};

TEST(Subset, LabelsAreThoseOfItsRows) {
  const auto part =
      make_subset(std::make_shared<LabelledSource>(),
                  std::make_shared<const RowSet>(std::vector<bool>{false, true, false, true}), "part");

  EXPECT_THAT(part->all_labels(), testing::ElementsAre(6, 8));
}

}  // namespace
}  // namespace annulus::io
