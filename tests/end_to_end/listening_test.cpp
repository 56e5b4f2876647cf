// Ports: a rank listens on none. MPI's own transport by TCP is switched off, which listens by its nature;
// what is left would be ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;

/// Numbers of the sockets of this machine on which somebody listens, or takes datagrams from anybody.
std::set<std::string> listening_sockets() {
  std::set<std::string> found;
  for (const std::string table : {"tcp", "tcp6", "udp", "udp6"}) {
    std::ifstream file("/proc/net/" + table);
    std::string line;
    std::getline(file, line);  // the heading
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::vector<std::string> columns{std::istream_iterator<std::string>(words), {}};
      const bool waits = columns.size() > 9 && columns[3] == (table.starts_with("tcp") ? "0A" : "07");
      if (waits) found.insert("socket:[" + columns[9] + "]");
    }
  }
  return found;
}

std::vector<std::string> sockets_of(pid_t process) {
  std::vector<std::string> found;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process) + "/fd", gone)) {
    const std::string target = fs::read_symlink(entry.path(), gone).string();
    if (target.starts_with("socket:")) found.push_back(target);
  }
  return found;
}

TEST(Listening, NoRankListensOnAPort) {
  const Workplace place(330);
  ::setenv("OMPI_MCA_btl", "self,vader", 1);
  Process job = place.start(place.training("run", kEndless), 2);
  ::unsetenv("OMPI_MCA_btl");
  ASSERT_TRUE(place.has_started("run"));

  const std::vector<pid_t> ranks = place.processes("annulus");
  const std::set<std::string> listening = listening_sockets();
  std::vector<std::string> ours;
  std::size_t sockets = 0;
  for (const pid_t rank : ranks)
    for (const std::string& socket : sockets_of(rank)) {
      ++sockets;
      if (listening.contains(socket)) ours.push_back(std::to_string(rank) + " " + socket);
    }
  job.signal(SIGTERM);
  job.wait();

  EXPECT_THAT(ranks, SizeIs(2));
  EXPECT_GT(sockets, 0U);                           // those to mpirun: so the tables were read
  EXPECT_THAT(listening, testing::Not(IsEmpty()));  // mpirun's own
  EXPECT_THAT(ours, IsEmpty());
}

}  // namespace
}  // namespace annulus::test
