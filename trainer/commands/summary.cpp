// annulus summary: the network of a config, a run or a checkpoint as a table.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/few_values.hpp"
#include "trainer/model/keras_summary.hpp"
#include "trainer/model/summary.hpp"

namespace annulus::trainer {

void add_summary(Verb& app, Action& action) {
  struct Options {
    std::string config;
    std::vector<std::string> overrides;
    std::string style = "standard";
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  Verb* verb =
      app.add_subcommand("summary", "Layers of a network with shapes, parameters, connections, FLOPs, bytes");
  verb->add_option("config", options->config, "YAML file, run directory or checkpoint")->required();
  verb->add_option("overrides", options->overrides, "key=value");
  verb->add_option("--style", options->style, "`standard`, or `keras` for the lines that Keras 2 prints")
      ->one_of({"standard", "keras"})
      ->capture_default_str();
  verb->add_flag("--json", options->json, "JSON instead of a table");
  verb->callback([options, &action] {
    action = [options](Context& context) {
      on_rank_zero(context.mpi.group(), "summary", [&] {
        const Config config = load_any_config(options->config, options->overrides);
        const NetworkSummary summary = summarise(config.network);
        if (options->json)
          fmt::print("{}\n", to_json(summary, config.name));
        else if (options->style == "keras")
          fmt::print("{}", keras_summary(config.network));
        else
          fmt::print("{}\n", to_table(summary, config.name));
        std::fflush(stdout);  // what follows goes to standard error
        try {
          require_statistics(config);
          for (const std::string& note : few_values(config)) log_warning("{}", note);
        } catch (const UsageError& error) {
          log_warning("`annulus train` will refuse this: {}", error.what());
        }
      });
      return ExitCode::done;
    };
  });
}

}  // namespace annulus::trainer
