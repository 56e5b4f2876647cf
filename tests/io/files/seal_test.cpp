// A seal tells a file that was changed from one that was not, also where its length stayed.
#include <gtest/gtest.h>

#include "io/files/atomic_file.hpp"
#include "io/files/durable_file.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

TEST(Seal, SeesAByteThatChanged) {
  const std::string path = fresh_path("sealed");
  write_text(path, "weights of a model");
  seal_file(path);
  EXPECT_FALSE(broken_seal(path));

  std::string text = file_text(path);
  text[3] ^= 1;
  write_text(path, text);

  EXPECT_TRUE(broken_seal(path));
}

TEST(AtomicFile, OneThatAppearedMeanwhileIsNotReplaced) {
  const std::string path = fresh_path("data.h5");
  AtomicFile file(path, Existing::refuse);
  write_text(file.partial(), "mine");
  write_text(path, "of somebody else");

  EXPECT_NE(error_of([&] { file.commit(); }), "");
  EXPECT_EQ(file_text(path), "of somebody else");
}

}  // namespace
}  // namespace annulus::io
