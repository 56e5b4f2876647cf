// The line of a configuration that `annulus data info` prints reads the file that it was printed for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "io/hdf5/file.hpp"
#include "io/survey/summary.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/data_names.hpp"
#include "trainer/data_splits.hpp"

namespace annulus::trainer {
namespace {

struct Stored {
  std::string name;
  Extents extents;
  std::int64_t first = 0;  ///< values are this and the next two, in turn
};

std::string write(const TemporaryDirectory& directory, const std::vector<Stored>& datasets) {
  const std::string path = directory / "some data.h5";
  io::Hdf5File file = io::Hdf5File::create(path);
  for (const Stored& each : datasets) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(element_count(each.extents)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = each.first + static_cast<std::int64_t>(i % 3);
    file.write<std::int64_t>(each.name, each.extents, values);
  }
  file.close();
  return path;
}

/// The lines of what is printed that belong into a configuration, and layers.
std::string configuration(const std::string& printed) {
  const std::size_t data = printed.find("  data: {");
  const std::size_t network = printed.find("  network.input: ");
  EXPECT_NE(data, std::string::npos) << printed;
  EXPECT_NE(network, std::string::npos) << printed;
  const std::string line = printed.substr(data + 2, printed.find('\n', data) - data - 2);
  const std::size_t input = printed.find("input: [", network);
  const std::string shape = printed.substr(input, printed.find(']', input) + 1 - input);
  const std::size_t units = printed.find("last layer has ", network) + 15;
  const bool flat = shape.find(',') == std::string::npos;
  return line + "\nnetwork:\n  " + shape + "\n  layers:\n" + (flat ? "" : "    - flatten\n") +
         "    - dense: {units: " + printed.substr(units, printed.find(' ', units) - units) +
         "}\n    - softmax\n";
}

void expect_line_reads(const std::vector<Stored>& datasets) {
  const TemporaryDirectory directory;
  const std::string path = write(directory, datasets);
  std::ostringstream printed;
  const io::DatasetSummary summary = io::describe_dataset(path);
  io::print_dataset(summary, printed);

  const Config config = parse_config(configuration(printed.str()), "the printed lines").config;

  ASSERT_FALSE(summary.splits.empty());
  for (const io::SplitSummary& split : summary.splits) {
    const auto source = open_group(config, split.name, make_private_memory);
    EXPECT_EQ(source->info().samples, split.samples) << split.name;
    EXPECT_EQ(source->info().shape, split.shape) << split.name;
    EXPECT_EQ(static_cast<std::int64_t>(source->info().classes.size()), config.network.classes())
        << split.name;
  }
  EXPECT_EQ(open_training_data(config, make_private_memory).training->info().samples,
            summary.splits.front().samples);
}

TEST(DataLine, ReadsTheFileThatItWasPrintedFor) {
  const std::vector<std::vector<Stored>> layouts{
      {{"train/images", {6, 8, 8, 3}}, {"train/labels", {6}}},
      {{"train/images", {6, 8, 9, 3}},
       {"train/labels", {6}},
       {"val/images", {3, 8, 9, 3}},
       {"val/labels", {3}},
       {"test/images", {3, 8, 9, 3}},
       {"test/labels", {3}}},
      {{"x_train", {6, 3, 8, 9}}, {"y_train", {6}, 1}, {"x_test", {3, 3, 8, 9}}, {"y_test", {3}, 1}},
      {{"train_set_x", {6, 8, 8}}, {"train_set_y", {6, 1}}, {"val_set_x", {3, 8, 8}}, {"val_set_y", {3, 1}}},
      {{"features", {6, 5}}, {"target", {6}}},
      {{"all data/x: images", {6, 8, 8, 1}}, {"all data/y", {6}}},
      {{"x_train/value", {6, 8, 8}}, {"y_train/value", {1, 6}}}};
  for (const std::vector<Stored>& datasets : layouts) {
    SCOPED_TRACE(datasets.front().name);
    expect_line_reads(datasets);
  }
}

}  // namespace
}  // namespace annulus::trainer
