// annulus diff-runs: where two runs that should be equal are not.
#include <fmt/format.h>

#include <memory>

#include "trainer/commands/common/context.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/run/comparison.hpp"

namespace annulus::trainer {

void add_diff_runs(Verb& app, Action& action) {
  struct Options {
    std::string a;
    std::string b;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  Verb* verb = app.add_subcommand(
      "diff-runs", "First step and tensors in which two runs differ (exit code 0: equal, 1: they differ)");
  verb->add_option("a", options->a, "Run directory")->required();
  verb->add_option("b", options->b, "Run directory")->required();
  verb->add_flag("--json", options->json, "JSON instead of sentences");
  verb->callback([options, &action] {
    action = [options](Context& context) {
      ExitCode code = ExitCode::done;
      on_rank_zero(context.mpi.group(), "comparison of two runs", [&] {
        const RunComparison comparison = compare_runs(options->a, options->b);
        fmt::print("{}", options->json ? to_json(comparison) + "\n" : to_text(comparison));
        if (!comparison.equal()) code = ExitCode::failure;
      });
      return code;
    };
  });
}

}  // namespace annulus::trainer
