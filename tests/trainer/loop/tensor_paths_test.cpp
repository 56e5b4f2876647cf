// Names of layers of a network that is no configuration's may hold anything, and still no two tensors share a
// place in a checkpoint.
#include <gtest/gtest.h>

#include <set>

#include "trainer/backend/reference/reference_replica.hpp"
#include "trainer/loop/state_view.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

TEST(TensorPaths, OfLayersWithOddNamesAreTheirOwn) {
  Config config = parse_config(R"(data: {path: some.h5}
network:
  input: [2, 2, 1]
  layers:
    - flatten
    - dense: 2
    - dense: 2
    - dense: 2
    - softmax
)",
                               "test.yaml")
                      .config;
  config.network.layers[1].name = "a/b";
  config.network.layers[2].name = "a%2Fb";
  config.network.layers[3].name = "..";
  const auto replica = make_reference_replica(config.network, {});
  Optimizer optimizer(config.optimizer, replica->network(), replica->layout());

  const auto tensors = state_tensors(*replica, view_of(*replica, optimizer));

  std::set<std::string> paths;
  for (const StateTensor& tensor : tensors) paths.insert(tensor.path);
  EXPECT_EQ(paths.size(), tensors.size());
  EXPECT_TRUE(paths.contains("parameters/a%2Fb/kernel"));
  EXPECT_TRUE(paths.contains("parameters/a%252Fb/kernel"));
  EXPECT_TRUE(paths.contains("parameters/%2E./kernel"));
}

}  // namespace
}  // namespace annulus::trainer
