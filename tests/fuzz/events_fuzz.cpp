// A file of simulated RICH events, as `annulus rich reconstruct`, `images` and `display` read it.
#include "io/hdf5/process.hpp"
#include "rich/files/event_file.hpp"
#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  const std::string path = fuzz::write_file("events.h5", {data, size});
  const io::KeepReaders one_child;
  fuzz::expect_answer([&] {
    const rich::EventFile file(path);
    constexpr std::uint64_t kBlock = 16;
    for (std::uint64_t first = 0; first < file.events(); first += kBlock)
      file.read(first, std::min(kBlock, file.events() - first));
  });
  return 0;
}
