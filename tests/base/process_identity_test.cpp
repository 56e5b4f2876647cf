// A process seen by another one: alive, stopped, dead, and replaced by a stranger with the same number.
#include "base/process_identity.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace annulus {
namespace {

/// A child that waits to be killed.
class Child {
 public:
  Child() : process_(fork()) {
    if (process_ == 0) {
      for (;;) pause();
    }
  }
  ~Child() {
    ::kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  /// Sends a signal and waits until it has had its effect.
  void signal(int number, int options) const {
    ::kill(process_, number);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(process_), &info, options | WNOWAIT);  // it stays a zombie
  }
  ProcessIdentity identity(const ProcessIdentity& me, std::uint64_t started) const {
    ProcessIdentity child = me;
    child.process = process_;
    child.started = started;
    return child;
  }
  std::uint64_t started(const ProcessIdentity& me) const {
    // The clock ticks a hundred times a second: the child's start is this process' or soon after.
    for (std::uint64_t tick = me.started; tick < me.started + 100000; ++tick)
      if (look_up(identity(me, tick), me) != Life::gone) return tick;
    return 0;
  }

 private:
  pid_t process_;
};

TEST(ProcessIdentity, OneselfIsRunning) {
  const ProcessIdentity me = own_identity("here");

  EXPECT_EQ(me.process, getpid());
  EXPECT_EQ(std::string(me.host.data()), "here");
  EXPECT_EQ(look_up(me, me), Life::running);
}

TEST(ProcessIdentity, AnotherMachineIsNotLookedAt) {
  const ProcessIdentity me = own_identity("here");
  const ProcessIdentity other = own_identity("there");

  EXPECT_EQ(look_up(other, me), Life::elsewhere);
}

TEST(ProcessIdentity, AStrangerWithTheSameNumberIsNotTheProcess) {
  const ProcessIdentity me = own_identity("here");
  ProcessIdentity dead = me;
  dead.started -= 1;

  EXPECT_EQ(look_up(dead, me), Life::gone);
}

TEST(ProcessIdentity, StoppedAndDeadAreToldApart) {
  const ProcessIdentity me = own_identity("here");
  const Child child;
  const ProcessIdentity identity = child.identity(me, child.started(me));
  EXPECT_EQ(look_up(identity, me), Life::running);

  child.signal(SIGSTOP, WSTOPPED);
  EXPECT_EQ(look_up(identity, me), Life::stopped);

  child.signal(SIGKILL, WEXITED);
  EXPECT_EQ(look_up(identity, me), Life::gone);
}

}  // namespace
}  // namespace annulus
