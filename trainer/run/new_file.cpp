// See new_file.hpp.
#include "trainer/run/new_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "io/files/durable_file.hpp"

namespace annulus::trainer {

namespace fs = std::filesystem;

NewFile::NewFile(std::string path) : path_(std::move(path)), partial_(io::partial_name(path_).string()) {
  std::error_code none;
  fs::remove(partial_, none);  // of a killed process; a link there is not followed either
  errno = 0;
  file_.open(partial_, std::ios::binary | std::ios::trunc);
  add("");
}

NewFile::~NewFile() {
  std::error_code ignored;  // published, or an error is on its way
  if (file_.is_open()) fs::remove(partial_, ignored);
}

void NewFile::add(std::string_view text) {
  file_ << text;
  if (file_) return;
  throw RuntimeError(
      "{}: cannot be written ({}). Free some space or check the permissions of the run directory, then start again with --resume auto.",
      partial_, errno != 0 ? std::strerror(errno) : "the stream failed");
}

void NewFile::add_from(const std::string& source, std::uint64_t begin, std::uint64_t end) {
  std::ifstream file(source, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(begin));
  constexpr std::uint64_t kPiece = 1 << 20;
  std::string bytes;
  for (std::uint64_t at = begin; at < end; at += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(kPiece, end - at));
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      throw DataError("{}: cannot be read ({}). Is the disk failing, or does somebody else write to it?",
                      source, std::strerror(errno));
    add(bytes);
  }
}

void NewFile::publish() {
  file_.flush();
  add("");
  io::publish_file(partial_, path_);
  file_.close();
}

}  // namespace annulus::trainer
