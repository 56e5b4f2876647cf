// A part that is whole has its checksum beside it, written last; a mark says that names are being given.
#include "io/dataset/sharded_writer.hpp"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/life_lock.hpp"
#include "io/files/small_file.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "complete";
constexpr const char* kLock = "lock";
constexpr std::uint64_t kMostText = 4096;

std::string folder_of(const std::string& output) { return output + ".parts"; }
std::string checksum_path(const std::string& part) { return part + ".xxh64"; }

std::string checksum_text(std::uint64_t bytes, std::uint64_t sum) {
  return fmt::format("{} bytes, xxh64 {:016x}\n", bytes, sum);
}

/// What stands in a mark: whoever reads it knows whether it is of the same data set.
std::string mark_text(std::uint64_t key, std::uint64_t parts) {
  return fmt::format("{:016x} {}\n", key, parts);
}

/// The mark of a single file: of what it is, and which file on the disk it was before it got its name.
std::string single_mark(const std::string& output) { return output + ".complete"; }

std::string single_text(std::uint64_t key, const std::string& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return fmt::format("{:016x} {}:{}\n", key, found.st_dev, found.st_ino);
}

/// Whether a killed process had written an output and was about to clean up.
bool is_finished(const std::string& output) {
  constexpr std::size_t kKey = 16;
  const auto mark = read_small_file(single_mark(output), kMostText);
  const std::string own = single_text(0, output);
  return mark && mark->size() > kKey && !own.empty() && mark->substr(kKey) == own.substr(kKey);
}

/// The parts of an output may be taken: none is there, or all are to be replaced; and none of another count.
void check_names(const ShardedOutput& output, std::uint64_t parts) {
  for (std::uint64_t k = 0; k < parts && output.existing == Existing::refuse; ++k)
    if (const std::string path = part_path(output.path, {k, parts}); fs::exists(path))
      throw UsageError(
          "{}: exists already and is not overwritten. Choose another name, or overwrite all {} parts with --replace.",
          path, parts);
  std::vector<std::string> stale = stale_parts(output.path, parts);
  if (stale.empty()) return;
  const std::size_t count = stale.size();
  constexpr std::size_t kNamed = 3;
  stale.resize(std::min(count, kNamed));
  throw UsageError(
      "{}: parts of another count lie beside the {} that are to be written: {}{}. A pattern such as {} would mix them. Remove them first, or choose another name.",
      output.path, parts, fmt::join(stale, ", "), count > kNamed ? fmt::format(", ... ({})", count) : "",
      parts_pattern(output.path));
}

std::uint64_t count_parts(const ShardedOutput& output, const std::vector<SplitSize>& splits,
                          std::uint64_t bytes) {
  const Sharding& sharding = output.sharding;
  const std::uint64_t parts = sharding.files > 0 ? sharding.files
                              : sharding.file_bytes > 0
                                  ? (bytes + sharding.file_bytes - 1) / sharding.file_bytes
                                  : 1;
  const auto smallest =
      std::min_element(splits.begin(), splits.end(),
                       [](const SplitSize& one, const SplitSize& other) { return one.rows < other.rows; });
  expect_contract(smallest != splits.end() && smallest->rows > 0, "a data set has splits with rows");
  if (parts > smallest->rows)
    throw UsageError(
        "{}: cannot be cut into {} parts, as every part holds rows of all splits and {} has only {}. Ask for at most {} parts.",
        output.path, parts, smallest->name, smallest->rows, std::min(smallest->rows, kMostParts));
  return std::max<std::uint64_t>(parts, 1);
}

}  // namespace

void check_sharded_output(const ShardedOutput& output) {
  const Sharding& sharding = output.sharding;
  if (sharding.files > 0 && sharding.file_bytes > 0)
    throw UsageError(
        "The number of files and their size both say how many there are. Leave one of them out.");
  if (sharding.files > kMostParts)
    throw UsageError("{} files are too many: at most {} are written.", sharding.files, kMostParts);
  make_folder_of(output.path);
  if (!sharding.wanted()) {
    if (is_finished(output.path)) return;  // the constructor knows by whom
    const AtomicFile writable(output.path, output.existing);
    return;
  }
  const AtomicFile writable(part_path(output.path, {0, 1}) + ".check", Existing::replace);
  const bool naming = fs::exists(folder_of(output.path) + "/" + kMark);  // the constructor knows whose
  if (sharding.files > 0 && !naming) check_names(output, sharding.files);
}

ShardedWriter::ShardedWriter(ShardedOutput output, DatasetSpec spec, std::vector<SplitSize> splits)
    : output_(std::move(output)), spec_(std::move(spec)), splits_(std::move(splits)) {
  std::erase_if(splits_, [](const SplitSize& split) { return split.rows == 0; });
  parts_ = count_parts(output_, splits_, bytes());
  if (!output_.sharding.wanted()) {
    mark_ = single_mark(output_.path);
    naming_ = output_.key != 0 && read_small_file(mark_, kMostText) == single_text(output_.key, output_.path);
    return;
  }
  mark_ = folder_of(output_.path) + "/" + kMark;
  folder_ = folder_of(output_.path);
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure) throw UsageError("{}: the folder cannot be made ({}).", folder_, failure.message());
  const auto mark = read_small_file(mark_, kMostText);
  naming_ = mark && output_.key != 0 && *mark == mark_text(output_.key, parts_);
  if (output_.leads) lead();
}

ShardedWriter::~ShardedWriter() {
  if (lock_) leave();
}

/// What is whole stays for the next attempt, and keeps the folder.
void ShardedWriter::leave() {
  std::error_code ignored;
  if (output_.key == 0) fs::remove_all(folder_, ignored);
  lock_.reset();
  fs::remove(folder_ + "/" + kLock, ignored);
  fs::remove(folder_, ignored);
}

/// Takes the folder for this process.
void ShardedWriter::lead() {
  const std::string path = folder_ + "/" + kLock;
  lock_ = Descriptor(::open(path.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!lock_) throw UsageError("{}: cannot be opened ({}).", path, std::strerror(errno));
  if (!lock_while_open(lock_.get()) && is_locked(path))
    throw UsageError("{}: another process is writing it. Wait for its end, or choose another name.",
                     output_.path);
  if (naming_) return;
  try {
    check_names(output_, parts_);
    remove_others();
  } catch (...) {
    leave();
    throw;
  }
}

/// Removes what a writing of other data left.
void ShardedWriter::remove_others() const {
  const std::string own = fmt::format("-{:016x}", output_.key);
  std::size_t removed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name == kLock || name.find(own) != std::string::npos) continue;
    fs::remove(entry.path());
    ++removed;
  }
  if (removed > 0 && output_.key != 0)
    log_info("{}: parts that an unfinished writing from other data or with other options left are removed.",
             folder_);
}

std::string ShardedWriter::final_path(std::uint64_t number) const {
  return output_.sharding.wanted() ? part_path(output_.path, part(number)) : output_.path;
}

std::string ShardedWriter::work_path(std::uint64_t number) const {
  return fmt::format("{}/{:05}-of-{:05}-{:016x}.h5", folder_, number, parts_, output_.key);
}

std::uint64_t ShardedWriter::bytes() const {
  const std::uint64_t row = static_cast<std::uint64_t>(spec_.shape.size()) * size_of(spec_.pixels) +
                            (spec_.labelled ? sizeof(std::int32_t) : 0);
  std::uint64_t rows = 0;
  for (const SplitSize& split : splits_) rows += split.rows;
  return rows * row;
}

std::uint64_t ShardedWriter::missing_bytes() const {
  if (naming_) return 0;
  if (folder_.empty()) return bytes();
  std::uint64_t missing = 0;
  for (std::uint64_t k = 0; k < parts_; ++k)
    if (output_.key == 0 || !fs::exists(checksum_path(work_path(k)))) ++missing;
  return bytes() / parts_ * missing + bytes() % parts_;
}

std::vector<PartRows> ShardedWriter::rows(std::uint64_t number) const {
  std::vector<PartRows> rows;
  rows.reserve(splits_.size());
  for (const SplitSize& split : splits_) rows.push_back(rows_of_part(split.rows, part(number)));
  return rows;
}

bool ShardedWriter::is_whole(std::uint64_t number) const {
  if (naming_) return true;
  if (folder_.empty() || output_.key == 0) return false;
  const std::string path = work_path(number);
  const auto noted = read_small_file(checksum_path(path), kMostText);
  std::error_code missing;
  const std::uint64_t size = fs::file_size(path, missing);
  if (!noted || missing) return false;
  const auto sum = file_checksum(path, size);
  return sum && *noted == checksum_text(size, *sum);
}

void ShardedWriter::write(std::uint64_t number, const std::function<void(DatasetWriter&)>& fill) {
  expect_contract(number < parts_, "a part is one of its set");
  if (is_whole(number)) return;
  DatasetSpec spec = spec_;
  spec.part = part(number);
  if (folder_.empty()) return write_single(std::move(spec), fill);
  const std::string path = work_path(number);
  DatasetWriter writer(path, Existing::replace, std::move(spec));
  fill(writer);
  writer.commit();
  const std::uint64_t size = fs::file_size(path);
  const auto sum = file_checksum(path, size);
  if (!sum) throw RuntimeError("{}: cannot be read back. Is the disk failing?", path);
  write_text_file(checksum_path(path), checksum_text(size, *sum));
}

void ShardedWriter::write_single(DatasetSpec spec, const std::function<void(DatasetWriter&)>& fill) {
  DatasetWriter writer(output_.path, output_.existing, std::move(spec));
  fill(writer);
  if (output_.key != 0) write_text_file(mark_, single_text(output_.key, writer.partial()));
  try {
    writer.commit();
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove(mark_, ignored);
    throw;
  }
}

std::vector<std::string> ShardedWriter::commit(const std::function<void()>& before_end) {
  expect_contract(output_.leads, "the process that leads commits");
  std::error_code failure;
  if (!folder_.empty()) {
    if (!naming_) {
      for (std::uint64_t k = 0; k < parts_; ++k)
        expect_contract(fs::exists(checksum_path(work_path(k))), "all parts are written");
      check_names(output_, parts_);
      write_text_file(mark_, mark_text(output_.key, parts_));
    }
    for (std::uint64_t k = 0; k < parts_; ++k)
      if (fs::exists(work_path(k))) publish_file(work_path(k), final_path(k));
  }
  if (before_end) before_end();
  if (folder_.empty())
    fs::remove(mark_, failure);
  else
    fs::remove_all(folder_, failure);
  if (failure) log_warning("{}: cannot be removed ({})", mark_, failure.message());
  std::vector<std::string> paths;
  for (std::uint64_t k = 0; k < parts_; ++k) paths.push_back(final_path(k));
  return paths;
}

}  // namespace annulus::io
