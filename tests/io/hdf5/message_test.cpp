// What a process that reads HDF5 says about a dataset is believed as far as it can be true.
#include "io/hdf5/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::HasSubstr;

DatasetInfo sent(const DatasetInfo& info) {
  MessageWriter writer;
  writer.put(info);
  MessageReader reader(writer.bytes());
  const auto taken = reader.take<DatasetInfo>();
  reader.expect_end();
  return taken;
}

DatasetInfo chunked() {
  return {.extents = {10, 6},
          .type = {StoredType::Kind::real, 4},
          .chunk = {4, 6},
          .filters = {"shuffle", "deflate"},
          .stored_bytes = 99,
          .stored_chunks = 3};
}

TEST(Hdf5Message, ADescriptionComesOutAsItWentIn) {
  const DatasetInfo taken = sent(chunked());

  EXPECT_EQ(taken.extents, (Extents{10, 6}));
  EXPECT_EQ(taken.type.kind, StoredType::Kind::real);
  EXPECT_EQ(taken.type.bytes, 4u);
  EXPECT_EQ(taken.chunk, (Extents{4, 6}));
  EXPECT_EQ(taken.filters, (std::vector<std::string>{"shuffle", "deflate"}));
  EXPECT_EQ(taken.stored_bytes, 99u);
  EXPECT_EQ(taken.stored_chunks, std::optional<std::uint64_t>(3));
  EXPECT_EQ(taken.plain_at, std::nullopt);
}

TEST(Hdf5Message, ChunksHaveTheAxesOfTheirDataset) {
  DatasetInfo info = chunked();
  info.chunk = {4, 6, 1};

  EXPECT_THAT(error_of([&] { sent(info); }), HasSubstr("answered nonsense"));
}

TEST(Hdf5Message, ATextEndsWithItsMessage) {
  MessageWriter writer;
  writer.put(std::size_t{9});

  EXPECT_THAT(error_of([&] { MessageReader(writer.bytes() + "12345678").take<std::string>(); }),
              HasSubstr("answered nonsense"));
}

}  // namespace
}  // namespace annulus::io
