// annulus evaluate: how good is a model on a split, counted exactly.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/commands/generators.hpp"
#include "trainer/commands/origin.hpp"
#include "trainer/commands/start_warnings.hpp"
#include "trainer/data_advice.hpp"
#include "trainer/data_files.hpp"
#include "trainer/data_names.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/evaluator.hpp"
#include "trainer/pixel_scale.hpp"

namespace annulus::trainer {
namespace {

struct EvaluateOptions {
  ModelRequest model;
  std::string split;  ///< empty: data.test
  bool json = false;
  bool confusion = false;
  std::vector<int> top;             ///< k of the top-k accuracies; empty: metrics.top_k
  std::optional<std::size_t> rows;  ///< of the table, worst class first; else see kMostInOrder
};

/// Up to so many classes the table shows all of them in their order; of more the worst kWorstShown.
constexpr std::size_t kMostInOrder = 50;
constexpr std::size_t kWorstShown = 20;

nlohmann::json to_json(const Evaluation& result, const std::vector<std::string>& names, std::size_t classes,
                       bool chose_the_model) {
  nlohmann::json json{{"loss", result.loss},
                      {"accuracy", result.accuracy},
                      {"samples", result.samples},
                      {"index_sum", result.index_sum},
                      {"index_xor", result.index_xor},
                      {"each_sample_once", result.each_once},
                      {"macro_recall", result.macro_recall}};
  for (const TopAccuracy& top : result.top) json[top_accuracy_key(top.k)] = top.share;
  json["classes"] = names;
  json["chose_the_model"] = chose_the_model;
  for (std::size_t label = 0; label < classes; ++label) {
    const std::optional<double> share = recall(result, label);
    json["recall"].push_back(share ? nlohmann::json(*share) : nlohmann::json(nullptr));
  }
  if (result.confusion.empty()) return json;
  for (std::size_t label = 0; label < classes; ++label) {
    const auto row = result.confusion.begin() + static_cast<std::ptrdiff_t>(label * classes);
    json["confusion"].push_back(std::vector<std::uint64_t>(row, row + static_cast<std::ptrdiff_t>(classes)));
  }
  return json;
}

/// What the row of a class is called: the names of two rows never look alike.
std::vector<std::string> row_names(const std::vector<std::string>& names, std::size_t classes) {
  std::map<std::string, int> count;
  for (const std::string& name : names) ++count[name];
  std::vector<std::string> rows;
  for (std::size_t label = 0; label < classes; ++label)
    if (label >= names.size())
      rows.push_back(fmt::format("output {}", label));
    else
      rows.push_back(shown_name(names[label]) + (count[names[label]] > 1 ? fmt::format(" ({})", label) : ""));
  return rows;
}

/// What the table is made of.
struct ClassTable {
  const Evaluation& result;
  std::vector<std::string> names;  ///< of its rows, by class
  std::optional<std::size_t> rows;
};

/// Classes that have samples, the one of which the smallest share was recognised first; of equal ones the one
/// with more samples, then the lower number.
std::vector<std::size_t> worst_first(const Evaluation& result) {
  std::vector<std::size_t> order;
  for (std::size_t label = 0; label < result.labelled.size(); ++label)
    if (result.labelled[label] > 0) order.push_back(label);
  std::ranges::stable_sort(order, [&](std::size_t one, std::size_t other) {
    const double here = *recall(result, one), there = *recall(result, other);
    return here != there ? here < there : result.labelled[one] > result.labelled[other];
  });
  return order;
}

void print_all(const ClassTable& table) {
  fmt::print("  {:<24} {}\n", "class", "recognised");
  for (std::size_t label = 0; label < table.names.size(); ++label) {
    const std::optional<double> share = recall(table.result, label);
    fmt::print("  {:<24} {}\n", table.names[label], share ? fmt::format("{:.4f}", *share) : "no samples");
  }
}

void print_worst(const ClassTable& table) {
  const std::vector<std::size_t> order = worst_first(table.result);
  const std::size_t shown = std::min(table.rows.value_or(kWorstShown), order.size());
  fmt::print("  {:<24} {:<10} {}\n", "class, worst first", "recognised", "samples");
  for (std::size_t row = 0; row < shown; ++row)
    fmt::print("  {:<24} {:<10.4f} {}\n", table.names[order[row]], *recall(table.result, order[row]),
               table.result.labelled[order[row]]);
  const std::size_t hidden = order.size() - shown;
  const std::size_t empty = table.names.size() - order.size();
  if (hidden > 0)
    fmt::print("  {} classes more, which were recognised as well or better (--rows {} shows all)\n", hidden,
               order.size());
  if (empty > 0) fmt::print("  {} classes have no samples\n", empty);
}

void print_table(const ClassTable& table) {
  const Evaluation& result = table.result;
  fmt::print("samples {} ({})   loss {:.4f}   accuracy {:.4f}", result.samples,
             result.each_once ? "each counted once" : "NOT each counted once", result.loss, result.accuracy);
  for (const TopAccuracy& top : result.top) fmt::print("   top-{} accuracy {:.4f}", top.k, top.share);
  fmt::print("   macro recall {:.4f}\n", result.macro_recall);
  if (!table.rows && table.names.size() <= kMostInOrder)
    print_all(table);
  else
    print_worst(table);
}

/// @throws UsageError for a k of which nothing is to be found out
std::vector<int> top_wanted(const EvaluateOptions& options, const Config& config) {
  std::vector<int> wanted = options.top;
  if (wanted.empty() && config.loss.top_k > 0) wanted = {config.loss.top_k};
  const std::int64_t classes = config.network.classes();
  for (const int k : wanted) {
    if (k >= 1 && k < classes) continue;
    throw UsageError("command line: --top {}: the network puts out {} classes, {}. Choose 1 to {}.", k,
                     classes,
                     k < 1 ? "and a label is at the first place or behind it"
                           : fmt::format("and every label is among the {} largest of them", k),
                     classes - 1);
  }
  return wanted;
}

/// What data.test names. In the root of a file several splits lie side by side, told apart by the word.
std::string test_group(const Config& config) {
  return in_group(config.data.test, "").empty() ? "test" : config.data.test;
}

/// What is printed of it; nobody reads a matrix of thousands of classes unless asked for.
ConfusionMatrix confusion_wanted(const EvaluateOptions& options, std::int64_t classes) {
  if (!options.json) return ConfusionMatrix::never;
  if (!options.confusion) {
    if (classes > kMostConfused)
      log_info("the confusion matrix of {} classes is left out; --confusion adds it", classes);
    return ConfusionMatrix::small;
  }
  const double bytes = 8.0 * static_cast<double>(classes) * static_cast<double>(classes);
  const double machine =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes > machine)
    throw UsageError(
        "command line: --confusion of {} classes takes {:.1f} GB on each rank, but this machine has {:.1f} GB. Leave it out: the recall of every class is shown without.",
        classes, bytes / 1e9, machine / 1e9);
  return ConfusionMatrix::always;
}

ExitCode evaluate(const EvaluateOptions& options, Context& context) {
  if (options.rows && options.json)
    throw UsageError(
        "command line: --rows cuts the table, and the JSON has every class. Remove one of the two.");
  if (options.confusion && !options.json)
    throw UsageError("command line: --confusion is a part of the JSON. Add --json.");
  const ModelSource source = find_model(options.model, context.mpi);
  require_labels(source.config);
  const std::vector<int> top = top_wanted(options, source.config);
  warn_of_start(context.mpi.world());
  context.watch = std::make_unique<JobWatch>(source.config.watchdog, context.mpi, context.command_line);
  const auto replica = load_replica(source, context.mpi);
  const ModelOrigin origin = origin_of(source, context.mpi.group());
  const TrainedOn model{.data = source.data, .allowed = source.allow_change, .has_weights = true};
  const std::string split = options.split.empty() ? test_group(source.config) : options.split;
  const auto data = open_judged(
      source.config, split, origin.training_data,
      [&](std::size_t bytes) { return context.mpi.allocate_node_memory(bytes); }, generate_source, &model);
  const std::string judged_on =
      require_same_data(data.get(), files_text(source.config.data), context.mpi.group());
  require_same_scale(*data, source.config, model, context.mpi.group());
  const io::Generator generator = evaluation_generator(source.config, data->info());
  EvaluatorOptions counted = evaluator_options(source.config);
  counted.confusion = confusion_wanted(options, replica->network().classes());
  counted.top = top;
  Evaluator evaluator(*replica, context.mpi.group(), *data, generator, counted);
  const Evaluation result = evaluator.run();
  if (!result.each_once)
    throw RuntimeError(
        "the evaluation of {} counted {} samples with index sum {}, which is not each of its {} samples once. This is a fault of the program; please report it.",
        data->info().name, result.samples, result.index_sum, data->info().samples);
  if (context.mpi.world().rank != 0) return ExitCode::done;
  if (const std::string note = doubled_classes(data->info()); !note.empty()) log_warning("{}", note);
  const auto classes = static_cast<std::size_t>(replica->network().classes());
  const std::string remark = remark_on_choice(origin, source.config, split, judged_on);
  if (options.json)
    fmt::print("{}\n", to_json(result, data->info().classes, classes, !remark.empty())
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    print_table({result, row_names(data->info().classes, classes), options.rows});
  if (!options.json && !remark.empty()) fmt::print("{}\n", remark);
  return ExitCode::done;
}

}  // namespace

void add_evaluate(Verb& app, Action& action) {
  auto options = std::make_shared<EvaluateOptions>();
  Verb* verb =
      app.add_subcommand("evaluate", "Loss and accuracy of a model on a split, every sample counted once");
  verb->add_option("run", options->model.source,
                   "Run directory, a checkpoint, or a config together with --checkpoint")
      ->required();
  verb->add_option("overrides", options->model.overrides, "key=value, e.g. data.path=other.h5");
  add_model_options(*verb, options->model);
  verb->add_option("--split", options->split, "Group of the dataset file; data.test unless given");
  verb->add_option(
          "--top", options->top,
          "Share of samples whose label is among the k largest outputs, e.g. --top 1 5; metrics.top_k "
          "unless given")
      ->delimiter(',');
  verb->add_option(
      "--rows", options->rows,
      "The table shows so many classes, those recognised worst; unless given, all of up to 50 classes "
      "in their order, of more the worst 20");
  verb->add_flag("--json", options->json,
                 "One line of JSON, with the confusion matrix of up to 1000 classes");
  verb->add_flag(
      "--confusion", options->confusion,
      "With --json: the confusion matrix of any number of classes (8 bytes per pair on each rank)");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return evaluate(*options, context); }; });
}

}  // namespace annulus::trainer
