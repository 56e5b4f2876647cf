// fork and exec, so that signals reach the program itself and not a shell.
#include "tests/end_to_end/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/random.hpp"
#include "io/dataset/writer.hpp"
#include "io/hdf5/file.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> command_line(const std::vector<std::string>& arguments, int ranks) {
  std::vector<std::string> command;
  if (ranks > 0)
    command = {MPIRUN_PROGRAM, "-n", std::to_string(ranks), "--bind-to", "none", "--oversubscribe"};
  command.push_back(ANNULUS_PROGRAM);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

/// Images whose mean colour depends on the class, with noise: a network can learn them.
void append_images(io::DatasetWriter& writer, const std::string& split, std::uint64_t samples) {
  constexpr std::size_t kPixels = 32 * 32 * 3;
  std::vector<std::byte> pixels(samples * kPixels);
  std::vector<std::int32_t> labels(samples);
  for (std::uint64_t i = 0; i < samples; ++i) {
    RandomStream random(17, Purpose::test, split == "train" ? 0 : 1, i);
    labels[i] = static_cast<std::int32_t>(random.next() % 10);
    for (std::size_t k = 0; k < kPixels; ++k)
      pixels[i * kPixels + k] = static_cast<std::byte>(random.next() % 100 + 15 * labels[i]);
  }
  writer.append(split, pixels, labels);
}

std::string output_name() {
  static std::atomic<int> count{0};
  return "output-" + std::to_string(count++);
}

/// What mpirun needs on one machine, as root too, with more ranks than cores; and it shall not wait a second
/// before it ends a job that failed.
void set_mpi_environment() {
  for (const char* setting : {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                              "OMPI_MCA_btl_tcp_if_include=lo", "OMPI_MCA_oob_tcp_if_include=lo",
                              "OMPI_MCA_mpi_yield_when_idle=1", "OMPI_MCA_odls_base_sigkill_timeout=0"}) {
    const std::string text = setting;
    const std::size_t at = text.find('=');
    setenv(text.substr(0, at).c_str(), text.substr(at + 1).c_str(), 1);
  }
}

void set_shell_environment() {
  setenv("ANNULUS", ANNULUS_PROGRAM, 1);
  setenv("MPIRUN", MPIRUN_PROGRAM " --bind-to none --oversubscribe", 1);
}

}  // namespace

Process::Process(std::vector<std::string> command, const std::filesystem::path& folder,
                 std::filesystem::path output)
    : output_(std::move(output)) {
  process_ = fork();
  if (process_ != 0) return;
  const int file = open(output_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(file, 1);
  dup2(file, 2);
  set_mpi_environment();
  set_shell_environment();
  if (chdir(folder.c_str()) != 0) _exit(126);
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  execv(words[0], words.data());
  _exit(127);
}

Process::~Process() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void Process::signal(int number) const { ::kill(process_, number); }

Outcome Process::wait() {
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started_;
  return {.code = code, .output = read_text(output_), .seconds = took.count()};
}

Workplace::Workplace(std::uint64_t samples) {
  static std::atomic<int> count{0};
  folder_ = std::filesystem::path(testing::TempDir()) /
            ("annulus-" + std::to_string(getpid()) + "-" + std::to_string(count++));
  std::filesystem::create_directories(folder_);
  io::DatasetSpec spec{.shape = {.height = 32, .width = 32, .channels = 3}};
  for (int k = 0; k < 10; ++k) spec.classes.push_back("class " + std::to_string(k));
  io::DatasetWriter writer(path("data.h5").string(), io::Existing::refuse, spec);
  append_images(writer, "train", samples);
  append_images(writer, "test", samples / 3);
  writer.commit();
}

Workplace::~Workplace() {
  std::error_code ignored;  // a leftover folder in the temporary directory harms nobody
  std::filesystem::remove_all(folder_, ignored);
}

Outcome Workplace::run(const std::vector<std::string>& arguments, int ranks) const {
  return start(arguments, ranks).wait();
}

Process Workplace::start(const std::vector<std::string>& arguments, int ranks) const {
  return {command_line(arguments, ranks), folder_, path(output_name())};
}

Outcome Workplace::shell(const std::string& line) const {
  return Process({"/bin/sh", "-c", line}, folder_, path(output_name())).wait();
}

std::vector<std::string> Workplace::unfinished() const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_))
    if (entry.path().extension() == ".partial") found.push_back(entry.path().string());
  return found;
}

std::vector<pid_t> Workplace::processes(const std::string& program) const {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::error_code gone;  // processes come and go, and those of others cannot be looked into
    const auto folder = std::filesystem::read_symlink(entry.path() / "cwd", gone);
    if (gone || folder != std::filesystem::canonical(folder_)) continue;
    if (program.empty() || read_text(entry.path() / "comm") == program + "\n")
      found.push_back(std::stoi(entry.path().filename().string()));
  }
  return found;
}

std::vector<pid_t> Workplace::left_behind() const {
  std::vector<pid_t> found = processes();
  for (int i = 0; i < 100 && !found.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    found = processes();
  }
  return found;
}

std::vector<std::string> Workplace::training(const std::string& run,
                                             const std::vector<std::string>& more) const {
  std::vector<std::string> words{"train", source_dir() + "/configs/smoke.yaml", "data.path=data.h5", "--run",
                                 run};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool Workplace::has_started(const std::string& run) const {
  for (int i = 0; i < 3000; ++i) {
    if (std::filesystem::exists(path(run + "/metrics.jsonl")))
      for (const auto& record : metrics(run))
        if (record["kind"] == "step") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::uint64_t Workplace::state_hash(const std::string& run) const {
  return io::Hdf5File::open(path(run + "/checkpoints/latest").string()).uint64_attribute("/", "state_hash");
}

std::vector<nlohmann::json> Workplace::metrics(const std::string& run) const {
  std::ifstream file(path(run + "/metrics.jsonl"));
  std::vector<nlohmann::json> records;
  for (std::string line; std::getline(file, line);) records.push_back(nlohmann::json::parse(line));
  return records;
}

}  // namespace annulus::test
