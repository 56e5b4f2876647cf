// What a rank believes of the others: other starts, silence, and readings that are too old.
#include "trainer/watch/peer_table.hpp"

#include <gtest/gtest.h>

namespace annulus::trainer {
namespace {

class PeerTableTest : public testing::Test {
 protected:
  PeerTableTest() {
    party_.start = 5;
    party_.identities.assign(2, own_identity("here"));
    party_.identities[1].place += 1;  // on another machine
  }
  Heartbeat beat(std::uint64_t beats, std::uint64_t start = 5) const {
    Heartbeat one;
    one.start = start;
    one.rank = 1;
    one.ranks = 2;
    one.beats = beats;
    return one;
  }
  PeerView peer(double now) const { return table_.view(now, PeerTable::Look::yes).at(0); }

  Party party_;
  PeerTable table_{party_};
};

TEST_F(PeerTableTest, SilenceCountsFromTheLastChange) {
  table_.update({{1, beat(1)}}, {}, 100);
  table_.update({{1, beat(1)}}, {}, 110);
  EXPECT_EQ(peer(110).silent_seconds, 10);

  table_.update({{1, beat(2)}}, {}, 111);
  EXPECT_EQ(peer(111).silent_seconds, 0);
  EXPECT_EQ(peer(111).life, Life::elsewhere);
}

TEST_F(PeerTableTest, SilenceDoesNotGrowWhileNobodyReads) {
  table_.update({{1, beat(1)}}, {}, 100);

  EXPECT_EQ(peer(115).silent_seconds, 0);
}

TEST_F(PeerTableTest, OldReadingsAreForgotten) {
  table_.update({{1, beat(1)}}, {}, 100);

  EXPECT_TRUE(peer(105).last.has_value());
  EXPECT_FALSE(peer(130).last.has_value());
}

TEST_F(PeerTableTest, HeartbeatsOfAnotherStartAreIgnored) {
  table_.update({{1, beat(1, 4)}}, {}, 100);

  EXPECT_FALSE(peer(100).last.has_value());
}

TEST_F(PeerTableTest, ARankThatLetGoOfItsLockIsGone) {
  table_.update({{1, beat(1)}}, {}, 100);
  EXPECT_FALSE(table_.has_seen_all_locks());
  table_.update_locks({1});
  EXPECT_TRUE(table_.has_seen_all_locks());
  table_.update({{1, beat(1)}}, {}, 102);
  table_.update_locks({});
  EXPECT_EQ(peer(102).life, Life::elsewhere) << "two heartbeats have to be missing, too";

  table_.update({{1, beat(1)}}, {}, 103);
  EXPECT_EQ(peer(103).life, Life::gone);

  table_.update({{1, beat(2)}}, {}, 104);
  EXPECT_EQ(peer(104).life, Life::elsewhere) << "only the lock was lost";
}

TEST_F(PeerTableTest, WhereLocksAreNotSharedTheyTellNothing) {
  table_.update({{1, beat(1)}}, {}, 100);
  table_.update_locks({});
  table_.update({{1, beat(1)}}, {}, 110);
  table_.update_locks({});

  EXPECT_EQ(peer(110).life, Life::elsewhere);
}

TEST_F(PeerTableTest, FailuresAreKept) {
  table_.update({}, {{1, "no memory"}}, 100);

  EXPECT_EQ(peer(100).failure, "no memory");
}

}  // namespace
}  // namespace annulus::trainer
