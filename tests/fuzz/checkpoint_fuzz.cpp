// A checkpoint: once as it is, and once with a valid seal, as somebody who wants to do harm would hand it
// over.
#include <filesystem>

#include "io/files/durable_file.hpp"
#include "io/hdf5/process.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/checkpoint.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  using namespace annulus::trainer;
  const std::string path = fuzz::write_file("step-000000001.h5", {data, size});
  const io::KeepReaders one_child;
  fuzz::expect_answer([&] { read_checkpoint_info(path); });
  io::seal_file(path);
  fuzz::expect_answer([&] {
    const CheckpointInfo info = read_checkpoint_info(path);
    fuzz::expect_answer([&] { parse_config(info.config, "checkpoint"); });
    run_state_from_json(info.metrics);
  });
  static FakeReplica replica;  // once: only what is read into it changes
  static Optimizer optimizer({.kind = OptimizerKind::adam}, replica.network(), replica.layout());
  fuzz::expect_answer([&] { load_model(path, replica); });
  fuzz::expect_answer([&] { load_checkpoint(path, replica, optimizer); });
  return 0;
}
