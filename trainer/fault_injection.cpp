// See fault_injection.hpp. Whatever is made here is real: signals, limits of the system, bytes on the disk.
#include "trainer/fault_injection.hpp"

#include <fmt/ranges.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "trainer/run/checkpoint_store.hpp"
#include "trainer/run/directory.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

FaultKind kind_of(const std::string& word) {
  if (const auto kind = enum_of<FaultKind>(word)) return *kind;
  const std::vector<std::string> names = words_list<FaultKind>();
  const std::string near = io::nearest_name(word, names);
  throw UsageError("--inject: '{}' is not a kind of fault.{} There are: {}.", word,
                   near.empty() ? "" : " Did you mean " + near + "?", fmt::join(names, ", "));
}

std::uint64_t number_of(const std::string& key, const std::string& word) {
  std::uint64_t number = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, number);
  if (error != std::errc{} || stop != end)
    throw UsageError(
        "--inject: {} is a whole number, got '{}'. For example --inject rank=1,step=120,kind=kill.", key,
        word);
  return number;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

[[noreturn]] void end_by(int signal_number) {
  ::kill(::getpid(), signal_number);
  for (;;) ::pause();  // until it is delivered
}

/// Files of this process cannot grow from here on: what a full disk looks like to it, and to it alone.
void fill_disk() {
  const rlimit none{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &none) != 0)
    throw RuntimeError("--inject: the system does not let this process limit its files. Try another kind.");
}

void flip_byte(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(fs::file_size(path) / 2);
  file.seekg(middle);
  const int byte = file.get();
  file.seekp(middle);
  file.put(static_cast<char>(byte ^ 0x10));
  if (!file.flush()) throw RuntimeError("--inject: {} cannot be changed. Check its permissions.", path);
}

/// Passes everything on, and strikes in between.
class FaultyRecorder final : public Recorder {
 public:
  FaultyRecorder(std::unique_ptr<Recorder> recorder, const Fault& fault, const std::string& run_directory)
      : recorder_(std::move(recorder)),
        fault_(fault),
        checkpoints_(RunDirectory(run_directory).checkpoints().string()) {}

  RunState restore(const std::string& resume) override { return recorder_->restore(resume); }
  std::optional<RunState> go_back() override { return recorder_->go_back(); }
  void step(const StepRecord& record) override {
    recorder_->step(record);
    if (record.step == fault_.step) strike();
    if (record.step >= fault_.step && fault_.kind == FaultKind::slow)
      std::this_thread::sleep_for(std::chrono::milliseconds(400));
    past_ = record.step >= fault_.step;
  }
  void epoch(const EpochRecord& record) override { recorder_->epoch(record); }
  void event(const RunState& state, const std::string& text) override { recorder_->event(state, text); }
  bool checkpoint_due(const RunState& state) const override { return recorder_->checkpoint_due(state); }
  void checkpoint(const RunState& state, bool best) override {
    recorder_->checkpoint(state, best);
    if (!past_ || fault_.kind != FaultKind::lost_peer_during_save) return;
    announce_fault(fault_);
    end_by(SIGKILL);  // while the file is being written
  }
  void ledger(const RunState& state) override { recorder_->ledger(state); }
  void finish() override { recorder_->finish(); }
  std::optional<Error> failure() override { return recorder_->failure(); }

 private:
  void strike() {
    if (fault_.kind == FaultKind::nan || fault_.kind == FaultKind::truncated_data ||
        fault_.kind == FaultKind::lost_peer_during_save)
      return;
    if (fault_.kind == FaultKind::corrupt_checkpoint) corrupt_newest();
    announce_fault(fault_);
    switch (fault_.kind) {
      case FaultKind::stop:
        end_by(SIGSTOP);
      case FaultKind::hang:
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
      case FaultKind::segfault:
        end_by(SIGSEGV);
      case FaultKind::exception:
        throw std::runtime_error("injected exception");
      case FaultKind::full_disk:
        return fill_disk();
      case FaultKind::kill:
      case FaultKind::corrupt_checkpoint:
        end_by(SIGKILL);
      default:
        return;
    }
  }

  void corrupt_newest() {
    recorder_->finish();  // what is being written is the newest
    const CheckpointStore store(checkpoints_, {});
    const std::vector<std::uint64_t> steps = store.steps();
    if (steps.empty())
      throw UsageError(
          "--inject: there is no checkpoint to corrupt at step {} yet. Choose a later step, or a smaller checkpoint.every_steps.",
          fault_.step);
    flip_byte(store.path_of(steps.back()));
  }

  std::unique_ptr<Recorder> recorder_;
  Fault fault_;
  std::string checkpoints_;
  bool past_ = false;
};

/// A value of a sample that is not a number.
class NanHook final : public StepHook {
 public:
  explicit NanHook(const Fault& fault) : fault_(fault) {}
  Spoil begins(std::uint64_t step) override {
    if (step != fault_.step || std::exchange(done_, true)) return Spoil::nothing;
    announce_fault(fault_);
    return Spoil::input;
  }

 private:
  Fault fault_;
  bool done_ = false;
};

}  // namespace

Fault parse_fault(const std::string& text, int ranks) {
  Fault fault;
  bool has_kind = false;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string word = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key == "kind") {
      fault.kind = kind_of(word);
      has_kind = true;
    } else if (key == "step") {
      fault.step = number_of(key, word);
    } else if (key == "rank") {
      const std::uint64_t rank = number_of(key, word);
      if (rank >= static_cast<std::uint64_t>(ranks))
        throw UsageError("--inject: there is no rank {}, the job has {} (counted from 0).", rank, ranks);
      fault.rank = static_cast<int>(rank);
    } else {
      throw UsageError(
          "--inject: '{}' is not understood. It takes rank=, step= and kind=, for example --inject rank=1,step=120,kind=kill.",
          part);
    }
  }
  if (!has_kind) throw UsageError("--inject: '{}' names no kind, for example kind=kill.", text);
  return fault;
}

std::unique_ptr<Recorder> with_fault(std::unique_ptr<Recorder> recorder, const Fault& fault,
                                     const std::string& run_directory) {
  return std::make_unique<FaultyRecorder>(std::move(recorder), fault, run_directory);
}

std::unique_ptr<StepHook> make_step_hook(const Fault& fault) {
  if (fault.kind != FaultKind::nan) return nullptr;
  return std::make_unique<NanHook>(fault);
}

void copy_truncated(const std::string& path, const std::string& copy) {
  std::error_code error;
  const fs::path folder = fs::absolute(copy).parent_path();
  fs::create_directories(folder, error);
  if (!error) fs::copy_file(path, copy, fs::copy_options::overwrite_existing, error);
  if (!error) fs::resize_file(copy, fs::file_size(path) / 3 * 2, error);
  if (error)
    throw DataError("--inject: {} cannot be copied to {} ({}). Is there room for it?", path, copy,
                    error.message());
}

void announce_fault(const Fault& fault) {
  log_warning("injected fault: {} on rank {} after step {}, at {:.3f} s", word_of(fault.kind), fault.rank,
              fault.step, unix_seconds());
}

}  // namespace annulus::trainer
