// The lock on a run directory: held by an open file for as long as the process lives, so no crash leaves it.
#include "trainer/run/claim.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process_identity.hpp"
#include "base/vital_signs.hpp"
#include "io/files/life_lock.hpp"
#include "io/files/small_file.hpp"
#include "trainer/watch/bounded.hpp"
#include "trainer/watch/heartbeat.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

constexpr double kSecondsInSilence = 1;

fs::path lock_file(const fs::path& run) { return run / "lock"; }

/// Who holds the lock, as it wrote into the file; nothing while it has not.
std::optional<Heartbeat> read_holder(const fs::path& run) {
  const auto text = io::read_small_file(lock_file(run), kHeartbeatBytes);
  return text ? parse_heartbeat(*text) : std::nullopt;
}

std::string describe(const std::optional<Heartbeat>& holder) {
  if (!holder) return "another process";
  return fmt::format("process {} on host {}{}", holder->process, holder->host,
                     holder->text.empty() ? "" : fmt::format(" ({})", holder->text));
}

std::string own_line() {
  const ProcessIdentity self = own_identity(host_name());
  const char* job = std::getenv("SLURM_JOB_ID");
  return to_line({.host = self.host.data(),
                  .process = self.process,
                  .process_started = self.started,
                  .place = self.place,
                  .text = job == nullptr ? "" : fmt::format("SLURM job {}", job)});
}

bool is_elsewhere(const std::optional<Heartbeat>& holder) {
  return holder && look_up(holder->identity(), own_identity(host_name())) == Life::elsewhere;
}

UsageError in_use(const fs::path& run, const std::optional<Heartbeat>& holder) {
  return UsageError(
      "the run directory {} is in use by {}: two jobs would overwrite each other's files. Wait for that job or end it, or choose another directory with --run DIR. If it is gone for certain (a lost host may keep its lock for a while), remove {}.",
      run.string(), describe(holder), lock_file(run).string());
}

bool is_claimed(const fs::path& run) {
  return lock_service_agrees([path = lock_file(run)] { return io::is_locked(path); });
}

bool claim(const std::shared_ptr<io::Descriptor>& file) {
  return lock_service_agrees([file] { return io::lock_while_open(file->get()); });
}

}  // namespace

void await_unclaimed(const fs::path& run, Patience patience) {
  std::error_code none;
  if (!fs::exists(lock_file(run), none)) return;
  const double began = steady_seconds();
  for (bool told = false; is_claimed(run);) {
    const std::optional<Heartbeat> holder = read_holder(run);
    const double limit = is_elsewhere(holder) ? patience.elsewhere_seconds : patience.here_seconds;
    const double waited = steady_seconds() - began;
    if (waited > limit) throw in_use(run, holder);
    if (waited > kSecondsInSilence && !std::exchange(told, true))
      log_info("{} is in use by {}: waiting up to {:.0f} s for its end", run.string(), describe(holder),
               limit);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

RunClaim::RunClaim(const fs::path& run) {
  const fs::path path = lock_file(run);
  file_ =
      std::make_shared<io::Descriptor>(::open(path.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!*file_)
    throw RuntimeError(
        "{} cannot be opened ({}). Mend the permissions of the run directory, or choose another with --run DIR.",
        path.string(), errno == ELOOP ? "it is a symbolic link" : std::strerror(errno));
  if (!claim(file_)) {
    if (is_claimed(run)) throw in_use(run, read_holder(run));
    log_warning(
        "the file system of {} has no locks that work: two jobs in one run directory would not be noticed",
        run.string());
    return;
  }
  const std::string line = own_line();
  if (::pwrite(file_->get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
    log_debug("{} does not say whose it is ({})", path.string(), std::strerror(errno));
}

}  // namespace annulus::trainer
