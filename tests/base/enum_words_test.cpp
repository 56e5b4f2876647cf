// Words of enumerations: there and back, and what the compiler knows of enumerators.
#include "base/enum_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace annulus {
namespace {
enum class Colour { red, green, blue };
}  // namespace

template <>
struct EnumWords<Colour> {
  static constexpr std::array kWords{"red", "green", "deep blue"};
};

namespace {

// What enum_words() asserts its table's size by.
static_assert(is_enumerator<Colour::blue>());
static_assert(!is_enumerator<static_cast<Colour>(3)>());

TEST(EnumWords, GoThereAndBack) {
  EXPECT_STREQ(word_of(Colour::blue), "deep blue");
  EXPECT_EQ(enum_of<Colour>("green"), Colour::green);
  EXPECT_EQ(enum_of<Colour>("blue"), std::nullopt);
  EXPECT_THAT(words_list<Colour>(), testing::ElementsAre("red", "green", "deep blue"));
}

}  // namespace
}  // namespace annulus
