// Where links of an archive lead.
#include "io/import/link_table.hpp"

#include <gtest/gtest.h>

namespace annulus::io {
namespace {

TEST(ArchiveLinks, LeadNowhereAboveTheRoot) {
  EXPECT_EQ(resolved_path("a//b/../c"), "a/c");
  EXPECT_EQ(resolved_path("a/../.."), "");
  EXPECT_EQ(resolved_path("../a"), "");

  LinkTable links("pets.tar");
  links.add_symbolic("train/cat", "../../cat");
  EXPECT_TRUE(links.names_of("cat").empty());
  EXPECT_EQ(links.dead().size(), 1u);
}

}  // namespace
}  // namespace annulus::io
