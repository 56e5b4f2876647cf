// See forked_reader.hpp.
#include "tests/support/forked_reader.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

// Only there with a sanitizer.
extern "C" __attribute__((weak)) void
__sanitizer_set_death_callback(  // NOLINT(bugprone-reserved-identifier): its name
    void (*callback)());

namespace annulus {
namespace {

/// A death of the copy is an answer, not a failure of the test: nobody reports it or keeps its input.
void die_quietly() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM, SIGXCPU})
    std::signal(signal, SIG_DFL);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(nullptr);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, stream);
}

}  // namespace

io::ReaderStarter fork_reader(ReaderBehaviour behaviour) {
  return [behaviour = std::move(behaviour)](const io::ReaderEnds& given, const std::string& path) {
    const pid_t process = ::fork();
    if (process < 0) throw RuntimeError("fork failed");
    if (process > 0) return process;
    die_quietly();
    const io::ReaderEnds ends;
    ::dup2(given.requests, ends.requests);
    ::dup2(given.file, ends.file);
    ::syscall(SYS_close_range, ends.file + 1, ~0U, 0);  // or it would not see the other side go
    behaviour(path, ends);
    std::_Exit(0);
  };
}

}  // namespace annulus
