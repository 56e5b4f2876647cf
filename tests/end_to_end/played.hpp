// Programs that are played by a few lines of shell, for scripts whose real ones want a GPU.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>

namespace annulus::test {

/// Writes a text file, with the folders that lead there.
inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

/// A program that does these lines of shell.
inline void play_lines(const std::filesystem::path& path, const std::string& lines) {
  write_file(path, "#!/bin/sh\n" + lines + "\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

/// A program that prints its name and words, and ends with `code`.
inline void play(const std::filesystem::path& path, int code) {
  play_lines(path, "echo \"" + path.filename().string() + " $*\"\nexit " + std::to_string(code));
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// That the parts stand in the text, each behind the one before.
inline void expect_order(const std::string& text, std::initializer_list<const char*> parts) {
  std::size_t from = 0;
  for (const char* part : parts) {
    const std::size_t at = text.find(part, from);
    ASSERT_NE(at, std::string::npos) << part << " in\n" << text;
    from = at;
  }
}

}  // namespace annulus::test
