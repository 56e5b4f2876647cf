// Rows that a dataset does not have are refused before the library is asked for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "io/hdf5/file.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::HasSubstr;

TEST(Hdf5Rows, BeyondTheEndAreRefused) {
  const std::string path = fresh_path("rows.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write<std::int32_t>("values", {10, 2}, std::vector<std::int32_t>(20));
  const Hdf5Dataset values = file.dataset("values");
  std::vector<std::int32_t> four(4);
  const auto error_at = [&](std::uint64_t first) {
    return error_of([&] { values.read_rows(first, 2, std::span<std::int32_t>(four)); });
  };

  EXPECT_EQ(error_at(8), "");
  EXPECT_THAT(error_at(9), HasSubstr("rows 9 to 11 were asked for, but it has 10"));
  EXPECT_THAT(error_at(10), HasSubstr("rows 10 to 12 were asked for, but it has 10"));
  EXPECT_THAT(error_at(std::numeric_limits<std::uint64_t>::max() - 2), HasSubstr("but it has 10"));
}

}  // namespace
}  // namespace annulus::io
