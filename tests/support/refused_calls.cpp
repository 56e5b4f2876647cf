// See refused_calls.hpp. The filter is a program of the kernel's own small machine (seccomp(2)).
#include "tests/support/refused_calls.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace annulus::test {
namespace {

sock_filter instruction(int code, std::uint32_t value) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = value};
}

bool refuse(const std::vector<RefusedCall>& calls) {
  std::vector<sock_filter> program{
      instruction(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offsetof(seccomp_data, nr)))};
  for (const RefusedCall& call : calls) {
    sock_filter compare = instruction(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number));
    compare.jf = 1;
    program.push_back(compare);
    program.push_back(
        instruction(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(call.error) & 0xFFFFU)));
  }
  program.push_back(instruction(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{.len = static_cast<std::uint16_t>(program.size()), .filter = program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

bool runs_without(const std::vector<RefusedCall>& calls, const std::function<bool()>& work,
                  std::string* said) {
  std::FILE* const output = std::tmpfile();
  const pid_t child = fork();
  if (child == 0) {
    dup2(fileno(output), STDERR_FILENO);
    const bool good = refuse(calls) && work();
    std::fflush(nullptr);
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::rewind(output);
  for (int c = std::fgetc(output); said != nullptr && c != EOF; c = std::fgetc(output))
    said->push_back(static_cast<char>(c));
  std::fclose(output);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace annulus::test
