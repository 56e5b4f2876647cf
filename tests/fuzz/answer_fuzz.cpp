// What the process that reads HDF5 files may answer, as the asking one takes it apart.
#include "io/hdf5/message.hpp"
#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  const std::string bytes(fuzz::text_of({data, size}));
  const auto take = [&bytes]<class Value>(Value) {
    fuzz::expect_answer([&] {
      io::MessageReader answer(bytes);
      answer.take_enum(io::Hdf5Answer::no_memory);
      answer.take<Value>();
      answer.expect_end();
    });
  };
  take(false);
  take(std::uint64_t{});
  take(std::string());
  take(std::vector<std::string>());
  take(io::DatasetInfo());
  return 0;
}
