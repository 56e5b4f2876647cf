// The state hash sees every element of the state and nothing else.
#include "trainer/loop/state_hash.hpp"

#include <gtest/gtest.h>

#include "tests/trainer/fake_replica.hpp"
#include "trainer/loop/tensor_list.hpp"

namespace annulus::trainer {
namespace {

/// A model and an optimizer with recognisable contents.
struct Model {
  explicit Model(FakeLayout order = FakeLayout::keras)
      : replica(small_network(), order),
        optimizer({.kind = OptimizerKind::adam}, replica.network(), replica.layout()) {
    fill_trainable(replica, replica.parameters(), 1);
    fill_statistics(replica, 1);
    fill_trainable(replica, optimizer.states()[0].values, 2);
    fill_trainable(replica, optimizer.states()[1].values, 3);
    optimizer.set_steps(12);
  }
  std::uint64_t hash() { return state_hash(replica, optimizer); }
  std::uint64_t raw_hash() { return raw_state_hash(replica, optimizer); }

  FakeReplica replica;
  Optimizer optimizer;
};

TEST(StateHash, DoesNotDependOnTheLayoutOfTheBackend) {
  EXPECT_EQ(Model(FakeLayout::keras).hash(), Model(FakeLayout::foreign).hash());
}

TEST(StateHash, SeesEveryPartOfTheState) {
  const std::uint64_t before = Model().hash();
  const std::uint64_t raw_before = Model().raw_hash();
  const std::vector<void (*)(Model&)> changes = {
      [](Model& model) { model.replica.parameters()[0] += 1.0f; },
      [](Model& model) {
        model.replica.parameters()[model.replica.layout().trainable.back().offset] += 1.0f;
      },
      [](Model& model) { model.replica.statistics().back() += 1.0f; },
      [](Model& model) { model.optimizer.states()[0].values[5] += 1.0f; },
      [](Model& model) { model.optimizer.states()[1].values[5] += 1.0f; },
      [](Model& model) { model.optimizer.set_steps(13); },
  };

  for (std::size_t i = 0; i < changes.size(); ++i) {
    Model model;
    changes[i](model);

    EXPECT_NE(model.hash(), before) << "change " << i;
    EXPECT_NE(model.raw_hash(), raw_before) << "change " << i;
  }
}

TEST(StateHash, IsTheSameForTheSameState) {
  EXPECT_EQ(Model().hash(), Model().hash());
  EXPECT_EQ(Model().raw_hash(), Model().raw_hash());
}

TEST(ListTensors, FollowsTheNetworkNotTheArena) {
  const FakeReplica replica(small_network(), FakeLayout::foreign);
  std::vector<std::string> names;

  for (const TensorPlace& place : list_tensors(replica.network(), replica.layout()))
    names.push_back(place.layer + ":" + place.name);

  EXPECT_EQ(names, (std::vector<std::string>{"conv/a:kernel", "conv/a:bias", "norm:gamma", "norm:beta",
                                             "norm:moving_mean", "norm:moving_variance", "dense:kernel",
                                             "dense:bias"}));
}

TEST(ListTensors, RefusesALayoutThatMissesATensor) {
  const FakeReplica replica;
  ArenaLayout layout = replica.layout();
  layout.trainable.pop_back();

  EXPECT_THROW(list_tensors(replica.network(), layout), std::logic_error);
}

}  // namespace
}  // namespace annulus::trainer
