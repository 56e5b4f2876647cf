// See job_script.hpp. The settings of the head are those at the head of jobs/train.sbatch.
#include "trainer/slurm/job_script.hpp"

#include "base/error.hpp"
#include "trainer/slurm/words.hpp"

namespace annulus::trainer {
namespace {

/// From here on both scripts are the same.
constexpr std::string_view kCommonPart = "# ---- From here on";

class Head {
 public:
  void line(const std::string& text) { text_ += text + "\n"; }
  void option(const std::string& comment, const std::string& name, const std::string& value) {
    if (!comment.empty()) line("# " + comment);
    line("#SBATCH --" + name + (value.empty() ? "" : "=" + sbatch_value(value)));
  }
  void option_if(const std::string& comment, const std::string& name, const std::string& value) {
    if (!value.empty()) option(comment, name, value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + shell_word(word);
  return text;
}

void add_size(Head& head, const JobRequest& request) {
  if (request.gpus_per_node > 0)
    head.line(
        "# One rank per GPU. Every rank sees all GPUs of its node and takes its own, so that they reach each other.");
  else
    head.line("# Ranks on every node, and the cores of each for its worker threads.");
  head.option("", "nodes", std::to_string(request.nodes));
  head.option("", "ntasks-per-node", std::to_string(request.ranks_per_node));
  head.option("", "cpus-per-task", std::to_string(request.cpus_per_rank));
  if (request.gpus_per_node > 0) head.option("", "gpus-per-node", std::to_string(request.gpus_per_node));
}

void add_ends(Head& head, const JobRequest& request) {
  head.option(
      "Days-hours:minutes:seconds, or minutes, until SLURM ends the job; it requeues itself before that.",
      "time", request.time);
  head.option("So many seconds ahead of the limit USR1 asks this script (B:) to save and stop: " +
                  request.lead_reason + ".",
              "signal", "B:USR1@" + std::to_string(request.signal_lead_s));
  head.option("SLURM may start the job again (preemption, death of a node), and so may the script below.",
              "requeue", "");
  head.option("One log for all starts.", "open-mode", "append");
}

/// The variables that the common part works with.
void add_settings(Head& head, const JobRequest& request) {
  std::vector<std::string> words{request.config};
  words.insert(words.end(), request.overrides.begin(), request.overrides.end());
  if (!request.run.empty()) words.insert(words.end(), {"--run", request.run});
  head.line("");
  head.line(
      "# The environment may say otherwise: ANNULUS_LAUNCHER=mpirun sbatch FILE; ANNULUS_PROGRAM names a program.");
  head.line("program=(" + joined(request.program) + ")");
  head.line("launcher=${ANNULUS_LAUNCHER:-" + request.launcher +
            "} # srun, mpirun, or auto: srun where it speaks PMIx");
  head.line("launcher_options=${ANNULUS_LAUNCHER_OPTIONS:-}");
  head.line("max_restarts=${ANNULUS_MAX_RESTARTS:-" + std::to_string(request.max_restarts) +
            "} # starts after the first one, whatever the reason");
  head.line("sweep=" + (request.sweep.empty() ? "" : shell_word(request.sweep)) +
            (request.sweep.empty() ? "" : " # line N has the words of task N"));
  head.line(
      "# Config, settings and run directory; words behind the script's name on sbatch's command line come last.");
  head.line("words=(" + joined(words) + " \"$@\")");
  head.line("");
}

}  // namespace

std::string job_script(const JobRequest& request) {
  const std::string_view whole = train_sbatch();
  const std::size_t common = whole.find(kCommonPart);
  expect_contract(common != std::string_view::npos, "jobs/train.sbatch marks its common part");
  Head head;
  head.line("#!/usr/bin/env bash");
  head.line(
      "# Trains a config as a SLURM job that goes on by itself after time limits, preemption and failures.");
  head.line(
      "# Written by `annulus job`; needs nothing but the program. Submit it: sbatch FILE [key=value ...]");
  head.line("");
  head.option("", "job-name", request.name);
  add_size(head, request);
  head.option_if("", "partition", request.partition);
  head.option_if("", "account", request.account);
  head.option_if("Every task is a run of its own, in a directory with its number.", "array", request.array);
  for (const std::string& option : request.more_options) {
    const std::size_t equals = option.find('=');
    head.option("", option.substr(0, equals), equals == std::string::npos ? "" : option.substr(equals + 1));
  }
  add_ends(head, request);
  head.option("Paths below are relative to this folder.", "chdir", request.folder);
  add_settings(head, request);
  return head.text() + std::string(whole.substr(common));
}

}  // namespace annulus::trainer
