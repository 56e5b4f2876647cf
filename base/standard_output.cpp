// glibc lets a program put another stream into `stdout`; its write function is ours. std::cout gets a buffer
// that writes into the same stream, so that the order of lines stays.
#include "base/standard_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <streambuf>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus {
namespace {

/// What is behind `stdout`.
struct Output {
  std::string unfinished;  ///< first bytes of a character whose others have not come yet
  bool terminal = false;   ///< it was one at the start
  int error = 0;           ///< errno of the first write that failed
};

/// Never destroyed: the streams are flushed once more after everything else is gone.
Output& output() {
  static auto* const instance = new Output;
  return *instance;
}

void write_all(Output& out, const std::string& text) {
  for (std::size_t at = 0; at < text.size() && out.error == 0;) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (written >= 0)
      at += static_cast<std::size_t>(written);
    else if (errno != EINTR)
      out.error = errno;
  }
}

/// Bytes at the end of a text that may be the beginning of a character.
std::size_t unfinished_bytes(const std::string& text) {
  constexpr std::size_t kLongest = 3;  // of a character of four
  for (std::size_t n = 1; n <= std::min(kLongest, text.size()); ++n) {
    const auto byte = static_cast<unsigned char>(text[text.size() - n]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;  // not the first of its character
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return length > n ? n : 0;
  }
  return 0;
}

/// stdio calls it with what its buffer holds. It never reports an error: finish_standard_output() does.
ssize_t take(void*, const char* data, std::size_t size) {
  Output& out = output();
  std::string text = std::move(out.unfinished);
  text.append(data, size);
  const std::size_t kept = unfinished_bytes(text);
  out.unfinished = text.substr(text.size() - kept);
  text.erase(text.size() - kept);
  write_all(out, printable(text));
  return static_cast<ssize_t>(size);
}

/// For std::cout.
class IntoStdout final : public std::streambuf {
 protected:
  int overflow(int letter) override { return letter == EOF ? 0 : std::fputc(letter, stdout); }
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    return static_cast<std::streamsize>(std::fwrite(data, 1, static_cast<std::size_t>(size), stdout));
  }
  int sync() override { return std::fflush(stdout); }
};

}  // namespace

void guard_standard_output() {
  std::FILE* const stream = ::fopencookie(nullptr, "w", {.write = take});
  if (stream == nullptr) return;  // no memory: the output is what it would be without
  output().terminal = ::isatty(STDOUT_FILENO) != 0;
  if (output().terminal) std::setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
  stdout = stream;
  static auto* const buffer = new IntoStdout;  // never destroyed, like Output
  std::cout.rdbuf(buffer);
}

void finish_standard_output() {
  std::cout.flush();
  std::fflush(stdout);
  Output& out = output();
  write_all(out, printable(std::exchange(out.unfinished, {})));
  // Nobody reads any more: the other end of a pipe is closed, or the terminal that was there is gone.
  if (out.error == 0 || out.error == EPIPE || (out.error == EIO && out.terminal)) return;
  if (out.error == EBADF)
    throw RuntimeError(
        "standard output: is closed, so what was printed is lost. Send it somewhere, to /dev/null for example, where nobody wants it.");
  throw RuntimeError(
      "standard output: cannot be written ({}), so what was printed is not complete. Free some space, or send it somewhere else.",
      std::strerror(out.error));
}

}  // namespace annulus
