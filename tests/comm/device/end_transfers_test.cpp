// Ending transfers with a library that waits for graphs, as NCCL does.
#include "comm/device/end_transfers.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace annulus::comm {
namespace {

constexpr double kLong = 600;  // seconds: never reached

/// The end of a library: kernels are told, then it waits for the last graph.
struct Library {
  std::promise<void> told, last_graph_gone, over;

  static void end(const std::shared_ptr<Library>& library) {
    library->told.set_value();
    library->last_graph_gone.get_future().wait();
    library->over.set_value();
  }
};

TEST(EndTransfers, NobodyIsAskedForGraphsWhereTheEndIsSoonOver) {
  bool asked = false;

  EXPECT_TRUE(end_transfers([] {}, [&asked] { asked = true; }, kLong));

  EXPECT_FALSE(asked);
}

TEST(EndTransfers, GraphsAreGivenUpOnceTheEndHasBegun) {
  const auto library = std::make_shared<Library>();
  std::thread::id giver;

  EXPECT_TRUE(end_transfers([library] { Library::end(library); },
                            [&] {
                              library->told.get_future().wait();
                              giver = std::this_thread::get_id();
                              library->last_graph_gone.set_value();
                            },
                            kLong));

  EXPECT_EQ(giver, std::this_thread::get_id()) << "graphs belong to the caller's thread";
}

TEST(EndTransfers, AGraphThatStaysCostsAMomentAndTheEndGoesOnWithoutTheCaller) {
  const auto library = std::make_shared<Library>();

  EXPECT_FALSE(end_transfers([library] { Library::end(library); }, {}, 0));

  library->last_graph_gone.set_value();  // as unwinding does
  library->over.get_future().wait();
}

}  // namespace
}  // namespace annulus::comm
