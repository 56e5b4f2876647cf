// The names of a run's checkpoints, which of them stay, and the links `latest` and `best`.
#include "trainer/run/checkpoint_store.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/link.hpp"
#include "trainer/run/set_aside.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".h5";

std::string file_name(std::uint64_t step) { return fmt::format("{}{:09}{}", kPrefix, step, kSuffix); }

/// The step in a file name; nothing for other files. Only names that file_name() would give: "step-7.h5" of a
/// person's making is neither loaded nor removed.
std::optional<std::uint64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size() - kSuffix.size();
  std::uint64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc{} || stop != end || file_name(step) != name) return std::nullopt;
  return step;
}

/// Files that a killed process was writing.
std::vector<fs::path> abandoned(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code unreadable;  // then steps() has already said so
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, unreadable)) {
    const std::string name = entry.path().filename().string();
    const std::string ending = io::partial_name("").string();
    if (name.ends_with(ending) && step_of(name.substr(0, name.size() - ending.size())))
      found.push_back(entry.path());
  }
  return found;
}

/// @param error  of an attempt to remove it
void remove_or_warn(const fs::path& path, std::error_code error) {
  if (error)
    log_warning("{} could not be removed ({}); it only takes up space.", path.string(), error.message());
}

void remove_or_warn(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  remove_or_warn(path, error);
}

}  // namespace

CheckpointStore::CheckpointStore(std::string directory, Retention retention)
    : directory_(std::move(directory)), retention_(std::move(retention)) {}

std::string CheckpointStore::path_of(std::uint64_t step) const {
  return (fs::path(directory_) / file_name(step)).string();
}

std::vector<std::uint64_t> CheckpointStore::steps() const {
  std::vector<std::uint64_t> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    if (const auto step = step_of(entry.path().filename().string())) found.push_back(*step);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    throw DataError("{}: the checkpoints cannot be listed ({}). Check the directory's permissions.",
                    directory_, error.message());
  std::sort(found.begin(), found.end());
  return found;
}

/// The link follows the file, and old files go last: killed in between, `latest` still names a whole
/// checkpoint.
void CheckpointStore::save(const CheckpointInfo& info, const Replica& replica, const StateView& state) {
  write_checkpoint(path_of(info.step), info, replica, state);
  io::replace_link(fs::path(directory_) / "latest", file_name(info.step));
  remove_old();
}

void CheckpointStore::mark_best(std::uint64_t step) {
  expect_contract(fs::exists(path_of(step)), "the best checkpoint is saved before it is marked");
  io::replace_link(fs::path(directory_) / "best", file_name(step));
  remove_old();
}

bool CheckpointStore::is_kept_for_ever(std::uint64_t step) const {
  return std::ranges::any_of(retention_.periods,
                             [&](std::uint64_t period) { return period > 0 && step % period == 0; });
}

void CheckpointStore::remove_old() const {
  const std::string best = io::link_target(fs::path(directory_) / "best").value_or("");
  const std::string latest = io::link_target(fs::path(directory_) / "latest").value_or("");
  std::vector<std::uint64_t> found = steps();
  const std::size_t kept =
      std::min(found.size(), static_cast<std::size_t>(std::max(retention_.keep_last, 1)));
  found.resize(found.size() - kept);
  for (const std::uint64_t step : found) {
    const std::string name = file_name(step);
    if (name != best && name != latest && !is_kept_for_ever(step))
      remove_or_warn(fs::path(directory_) / name);
  }
  remove_abandoned();
}

void CheckpointStore::remove_abandoned() const {
  for (const fs::path& path : abandoned(directory_)) remove_or_warn(path);
}

void CheckpointStore::mend_link(const std::string& name, std::uint64_t step) const {
  const fs::path link = fs::path(directory_) / name;
  if (fs::exists(path_of(step)))
    io::replace_link(link, file_name(step));
  else if (io::link_target(link) && !io::follow_link(link))
    remove_or_warn(link, io::remove_link(link));
}

/// Set aside, not removed: a checkpoint is "later" because of --resume PATH, a rollback, or because it could
/// not be read just now. Hours of computing are not thrown away for what may be a mistake.
void CheckpointStore::rewind(std::uint64_t step, std::uint64_t best) {
  for (const std::uint64_t later : steps()) {
    if (later <= step) continue;
    const fs::path path = path_of(later);
    std::error_code error;
    const fs::path aside = set_aside_name(path);
    fs::rename(path, aside, error);
    if (error)
      throw RuntimeError(
          "{}: is of a later step than the one that training goes on from, but cannot be renamed ({}). Remove it, or mend the permissions of its folder.",
          path.string(), error.message());
    log_warning("{} is of a later step than the one that training goes on from: renamed to {}", path.string(),
                aside.filename().string());
  }
  if (!fs::exists(directory_)) return;
  mend_link("latest", step);
  mend_link("best", best);
  remove_abandoned();
}

std::optional<CheckpointInfo> CheckpointStore::best_info() const {
  const fs::path best = fs::path(directory_) / "best";
  std::error_code unknown;
  if (!fs::exists(best, unknown)) return std::nullopt;
  try {
    return read_checkpoint_info(best.string());
  } catch (const DataError& error) {
    log_debug("{}", error.what());
    return std::nullopt;
  }
}

std::optional<CheckpointInfo> CheckpointStore::newest_info() const {
  std::vector<std::uint64_t> found = steps();
  std::reverse(found.begin(), found.end());
  for (const std::uint64_t step : found) {
    try {
      return read_checkpoint_info(path_of(step));
    } catch (const DataError&) {  // load_newest() says why
      continue;
    }
  }
  return std::nullopt;
}

std::optional<CheckpointInfo> CheckpointStore::load_newest(
    Replica& replica, Optimizer& optimizer,
    const std::function<void(const CheckpointInfo&, const std::string& path)>& check) const {
  std::vector<std::uint64_t> found = steps();
  if (found.empty()) return std::nullopt;
  std::reverse(found.begin(), found.end());
  for (const std::uint64_t step : found) {
    try {
      CheckpointInfo info = load_checkpoint(path_of(step), replica, optimizer, OtherOptimizer::starts_anew);
      if (check) check(info, path_of(step));
      return info;
    } catch (const DataError& error) {
      log_warning("skipped a checkpoint that cannot be used: {}", error.what());
    }
  }
  throw DataError(
      "{}: none of the {} checkpoints can be used; the warnings above say why. Start afresh with --resume none and another --run, or restore the files from a copy.",
      directory_, found.size());
}

}  // namespace annulus::trainer
