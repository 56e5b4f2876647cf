// A checkpoint may claim any number of lists of names: all of them together have one limit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/signature_file.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;

/// A signature with one list of names and, written by another program, one more. Both sizes in bytes.
std::string file_with_second_list(const TemporaryDirectory& folder, std::size_t first, std::size_t second) {
  io::DataSignature signature;
  signature.vectors = {{"tracks", {std::string(first - 1, 'x')}}};
  const std::string path = folder / (std::to_string(second) + ".h5");
  io::Hdf5File file = io::Hdf5File::create(path);
  write_signature(file, signature);
  std::vector<std::uint8_t> names(second, 'y');
  names.back() = 0;
  file.write<std::uint8_t>("data/columns/1", {static_cast<std::int64_t>(second)}, names);
  file.set_attribute("data/columns/1", "vector", std::string("hits"));
  file.close();
  return path;
}

TEST(SignatureFile, ListsOfNamesShareOneLimit) {
  const TemporaryDirectory folder;
  constexpr std::size_t kMoreThanHalf = kMostNameBytes / 2 + 1;

  const auto read_with = [&](std::size_t second) {
    return read_signature(io::Hdf5File::open(file_with_second_list(folder, kMoreThanHalf, second)));
  };

  EXPECT_EQ(read_with(kMostNameBytes - kMoreThanHalf)->vectors.size(), 2u);
  EXPECT_THAT(message_of<DataError>([&] { read_with(kMoreThanHalf); }),
              HasSubstr("more than a checkpoint keeps of names"));
}

}  // namespace
}  // namespace annulus::trainer
