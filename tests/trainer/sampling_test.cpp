// From data.sampling to the draws of the samples of a file, and what is said about them.
#include "trainer/sampling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/node_memory.hpp"
#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;
using testing::IsNull;

constexpr const char* kConfig = R"(
data: {path: data.h5, weights: weights}
network: {input: [2, 2, 1], layers: [flatten, dense: 3, softmax]}
)";

class Sampling : public testing::Test {
 protected:
  /// Six samples of classes 0 and 2.
  void open(const std::vector<float>& weights) {
    const std::string path = directory_ / ("data" + std::to_string(opened_++) + ".h5");
    io::Hdf5File file = io::Hdf5File::create(path);
    file.write<std::uint8_t>("train/images", {6, 2, 2, 1}, std::vector<std::uint8_t>(24));
    file.write<std::int32_t>("train/labels", {6}, std::vector<std::int32_t>{0, 0, 0, 2, 0, 0});
    file.write<float>("train/weights", {6}, weights);
    file.close();
    source_ = io::open_dataset({.path = path, .weights = "train/weights"}, make_private_memory);
  }
  static Config config(const std::vector<std::string>& overrides) {
    return parse_config(kConfig, "test.yaml", overrides).config;
  }
  std::string said(const std::vector<std::string>& overrides) const {
    try {
      const Config wanted = config(overrides);
      return describe_draws(wanted, *source_, *draw_counts(wanted, *source_));
    } catch (const UsageError& error) {
      return error.what();
    }
  }

  TemporaryDirectory directory_;
  int opened_ = 0;
  std::unique_ptr<io::SampleSource> source_;
};

TEST_F(Sampling, SaysWhatAnEpochComesTo) {
  open({1, 1, 1, 0, 0, 3});

  EXPECT_THAT(draw_counts(config({}), *source_), IsNull());
  EXPECT_EQ(
      said({"data.sampling=balanced"}),
      "data.sampling is balanced: 6 draws per epoch from as many samples; in the first one 4 samples are drawn, one up to 3 times. By class: 0: 3 draws of 5 samples; 2: 3 draws of 1 samples (one up to 3 times)");
  EXPECT_EQ(
      said({"data.sampling=weighted"}),
      "data.sampling is weighted: 6 draws per epoch from as many samples; in the first one 4 samples are drawn, one up to 3 times. By class: 0: 6 draws of 5 samples (one up to 3 times); 2: 0 draws of 1 samples");
}

TEST_F(Sampling, RefusesWhatCannotBeDrawn) {
  open({0, 0, 0, 0, 0, 0});

  EXPECT_THAT(said({"data.sampling=weighted"}),
              HasSubstr("all 6 training samples have the weight 0 in weights"));
  EXPECT_THROW(draw_counts(config({}), *source_), UsageError);
  open({1, 1, 1, 1, 1, 1});
  EXPECT_THAT(said({"data.sampling=balanced", "data.class_shares=[1, 0.5, 1]"}),
              HasSubstr("gives the class 1 a share of 0.5, but there is no training sample of it"));
}

}  // namespace
}  // namespace annulus::trainer
