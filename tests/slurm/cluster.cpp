// See cluster.hpp.
#include "tests/slurm/cluster.hpp"
#include "tests/support/source_dir.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace annulus::test {
namespace {

const std::string kScript = source_dir() + "/tests/slurm/cluster.sh";

bool wait_until(const std::function<bool()>& holds, int limit_s) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(limit_s);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool succeeds(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;  // NOLINT(concurrency-mt-unsafe)
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

}  // namespace

std::string missing_for_cluster() {
  if (geteuid() != 0) return "only root may start the nodes of a cluster";
  for (const char* program : {"munged", "slurmctld", "slurmd", "srun"})
    if (!succeeds(std::string("PATH=$PATH:/usr/sbin command -v ") + program))
      return std::string("there is no ") + program + "; `jobs/install.sh tests` installs it";
  if (!succeeds(
          "unshare --mount --uts --propagation private sh -c 'hostname n1 && mount -t tmpfs shm /dev/shm'"))
    return "this container does not allow nodes their own host names and /dev/shm (unshare)";
  return {};
}

Cluster::Cluster() {
  // Not below the temporary directory of the tests: munge wants every folder above its socket open.
  char folder[] = "/tmp/annulus-slurm-XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("no folder for the cluster");
  folder_ = folder;
  const std::string output = folder_ / "output";
  keeper_ = popen((kScript + " run " + folder + " 2 4 >" + output + " 2>&1").c_str(), "w");
  if (!wait_until([&] { return read_text(output).find("ready") != std::string::npos; }, 30))
    throw std::runtime_error("the cluster did not start: " + read_text(output));
  setenv("SLURM_CONF", (folder_ / "slurm.conf").c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
}

Cluster::~Cluster() {
  if (keeper_ != nullptr) pclose(keeper_);
  std::error_code ignored;  // leftovers harm nobody
  std::filesystem::remove_all(folder_, ignored);
}

void Cluster::change_node(const std::string& what, const std::string& node) const {
  ASSERT_TRUE(succeeds(kScript + ' ' + what + ' ' + folder_.string() + ' ' + node)) << what << ' ' << node;
}

std::string Cluster::remote_shell() const { return kScript + " shell " + folder_.string(); }

Cluster& cluster() {
  static Cluster only;
  return only;
}

Job::Job(const Workplace& place, const std::string& name, const std::string& words, const std::string& before)
    : place_(&place), name_(name) {
  const Outcome outcome = place.shell(before + "sbatch --parsable --output=" + name + ".log " + words);
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  id_ = trimmed(outcome.output);
}

std::string Job::log() const { return read_text(place_->path(name_ + ".log")); }

std::string Job::field(const std::string& name) const {
  return trimmed(
      place_->shell("scontrol show job " + id_ + " | sed -n 's/.*\\b" + name + "=\\([^ ]*\\).*/\\1/p'")
          .output);
}

bool Job::says(const std::string& text) const {
  return wait_until([&] { return log().find(text) != std::string::npos; }, 60);
}

std::string Job::end(int limit_s) const {
  std::string state;
  const auto ended = [&] {
    state = field("JobState");
    for (const char* still : {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED"})
      if (state == still) return false;
    return true;
  };
  return wait_until(ended, limit_s) ? state : "still " + state;
}

}  // namespace annulus::test
