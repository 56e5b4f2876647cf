// What a terminal may have: letters of any language, nothing that it obeys.
#include "base/printable.hpp"

#include <gtest/gtest.h>

namespace annulus {
namespace {

TEST(Printable, LeavesWhatOneCanRead) {
  const std::string text = "naïve Käse\t猫 \xF0\x9F\x98\x80\nsecond line ~ \\x1b";

  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("\x1b[31mred\x1b[0m"), "\\u001b[31mred\\u001b[0m");
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\u001b]0;title\\u0007");
  EXPECT_EQ(printable("a\rb\bc\x7f"), "a\\u000db\\u0008c\\u007f");
  EXPECT_EQ(printable(std::string("nul\0!", 5)), "nul\\u0000!");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\u009b31m")
      << "CSI in one character, of C1";
  EXPECT_EQ(printable("\xE2\x80\xAE"
                      "gpj.exe"),
            "\\u202egpj.exe")
      << "right to left";
  EXPECT_EQ(printable("\xE2\x81\xA6"), "\\u2066");
}

TEST(Printable, EscapesBytesThatAreNoCharacters) {
  EXPECT_EQ(printable("caf\xE9"), "caf\\xe9") << "Latin-1";
  EXPECT_EQ(printable("\x9B"
                      "31m"),
            "\\x9b31m")
      << "CSI in one byte";
  EXPECT_EQ(printable("\xC0\x9B"), "\\xc0\\x9b") << "overlong";
  EXPECT_EQ(printable("\xE0\x9F\xBF"), "\\xe0\\x9f\\xbf") << "overlong in three bytes";
  EXPECT_EQ(printable("\xF0\x8F\xBF\xBF"), "\\xf0\\x8f\\xbf\\xbf") << "and in four";
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "half of a surrogate pair";
  EXPECT_EQ(printable("\xE7\x8C"), "\\xe7\\x8c") << "the end is missing";
}

TEST(Printable, KeepsANameOnItsLine) {
  EXPECT_EQ(shown_name("Käse 猫"), "Käse 猫");
  EXPECT_EQ(shown_name("cat\n  dog   1.0000"), "cat\\n  dog   1.0000");
  EXPECT_EQ(shown_name("a\tb\rc\x1b[1m"), "a\\tb\\rc\\u001b[1m");
  EXPECT_EQ(shown_name("caf\xE9"), "caf\\xe9");
}

TEST(Printable, TellsWhatATerminalOnlyShows) {
  EXPECT_EQ(shown_length("a\n", 0), 1U);
  EXPECT_EQ(shown_length("a\n", 1), 0U) << "a line end";
  EXPECT_EQ(shown_length("\x1b[1m", 0), 0U);
  EXPECT_EQ(shown_length("ä", 0), 2U);
  EXPECT_EQ(shown_length("\xC2\x9B", 0), 0U) << "CSI of C1";
  EXPECT_EQ(shown_length("\xE9", 0), 0U) << "Latin-1";
}

TEST(Printable, NoTwoNamesLookAlike) {
  EXPECT_EQ(shown_name("a\\n"), "a\\\\n");
  EXPECT_NE(shown_name("a\\n"), shown_name("a\n"));
  EXPECT_NE(shown_name("\\u001b"), shown_name("\x1b"));
  EXPECT_EQ(quoted_name("say \"cat\""), R"("say \"cat\"")");
  EXPECT_NE(quoted_name("a\" and \"b"), "\"a\" and \"b\"");
}

TEST(Printable, CutsALongNameBehindACharacter) {
  EXPECT_EQ(shown_name("abcdef", 6), "abcdef");
  EXPECT_EQ(shown_name("abcdef", 5), "abcde...");
  EXPECT_EQ(shown_name("aä\xF0\x9F\x98\x80", 4), "aä...") << "a character of four bytes has no room";
  EXPECT_EQ(shown_name("\xE9\xE9\xE9", 2), "\\xe9\\xe9...") << "bytes that are no characters count as one";
  EXPECT_EQ(quoted_name("abcdef", 5), "\"abcde\"...");
}

}  // namespace
}  // namespace annulus
