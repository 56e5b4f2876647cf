// annulus rich table: who was named what, by the network and by the likelihood, on the same tracks.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "rich/identification/pid_comparison.hpp"
#include "trainer/commands/rich/named.hpp"
#include "trainer/commands/rich/rich.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

struct TableOptions {
  NamedSource source;
  std::string style = "standard";
  bool json = false;
};

nlohmann::json to_json(const rich::Share& share) {
  if (!share.exists()) return nullptr;
  return {{"value", share.value()}, {"error", share.error()}, {"tracks", share.whole}};
}

nlohmann::json to_json(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

/// The lecture's figures under the lecture's names.
nlohmann::json lecture_json(const rich::PidTable& table) {
  nlohmann::json json;
  for (std::size_t k = 0; k < table.size(); ++k) {
    const std::string name(name_of(table.classes()[k]));
    json["particles_per_class"][name] = table.efficiency(k).whole;
    json["accuracy_per_class"][name] = table.efficiency(k).value();
    json["row_percent_published_as_purity"][name] = 100 * table.efficiency(k).value();
    json["column_percent_published_as_efficiency"][name] = 100 * table.purity(k).value();
  }
  const auto percent = [&](rich::Species species, rich::MassGroup group) {
    return 100 * table.made_of(species, group).value();
  };
  json["group_percent_over_predicted_column"] = {
      {"K->K,Pr,D", percent(rich::Species::kaon, rich::MassGroup::heavy)},
      {"K->e,m,pi", percent(rich::Species::kaon, rich::MassGroup::light)},
      {"pi->e,m,pi", percent(rich::Species::pion, rich::MassGroup::light)},
      {"pi->K,Pr,D", percent(rich::Species::pion, rich::MassGroup::heavy)}};
  return json;
}

nlohmann::json groups_json(const rich::PidTable& table) {
  nlohmann::json json;
  for (const rich::Species species : {rich::Species::kaon, rich::Species::pion})
    for (const rich::MassGroup group : {rich::MassGroup::heavy, rich::MassGroup::light}) {
      const char* word = group == rich::MassGroup::heavy ? "heavy" : "light";
      json[fmt::format("true_{}_named_{}", name_of(species), word)] = to_json(table.named_as(species, group));
      json[fmt::format("named_{}_truly_{}", name_of(species), word)] = to_json(table.made_of(species, group));
    }
  return json;
}

nlohmann::json to_json(const rich::NamedTable& method) {
  const rich::PidTable& table = method.table;
  nlohmann::json json{{"name", method.name},
                      {"overall", to_json(table.overall())},
                      {"macro_average", table.macro_average()},
                      {"loss", to_json(table.loss())},
                      {"lecture", lecture_json(table)},
                      {"groups", groups_json(table)}};
  for (std::size_t truth = 0; truth < table.size(); ++truth) {
    const std::string name(name_of(table.classes()[truth]));
    json["efficiency"][name] = to_json(table.efficiency(truth));
    json["purity"][name] = to_json(table.purity(truth));
    json["loss_per_class"][name] = to_json(table.loss(truth));
    std::vector<std::uint64_t> counts;
    std::vector<double> percents;
    for (std::size_t k = 0; k < table.size(); ++k) {
      counts.push_back(table.count(truth, k));
      percents.push_back(100 * table.field(truth, k).value());
    }
    json["counts"].push_back(counts);
    json["percent_of_total"].push_back(percents);
  }
  return json;
}

void print_json(const TableOptions& options, const rich::PidComparison& comparison,
                const std::vector<rich::NamedTable>& tables) {
  const rich::NamedTracks& network = comparison.network;
  nlohmann::json json{{"source", network.source},      {"events", network.events},
                      {"split", network.split},        {"tracks", network.size()},
                      {"prior", options.source.prior}, {"notes", comparison.notes}};
  for (const rich::Species species : network.classes) json["classes"].push_back(name_of(species));
  for (const rich::NamedTable& method : tables) json["methods"].push_back(to_json(method));
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const TableOptions& options, const rich::PidComparison& comparison,
                const std::vector<rich::NamedTable>& tables) {
  const rich::NamedTracks& network = comparison.network;
  fmt::print("{}: {} tracks of {}, split {}", network.source, network.size(), network.events, network.split);
  fmt::print("{}\n\n", options.source.prior == "train" ? "" : ", prior " + options.source.prior);
  if (options.style == "standard") {
    fmt::print("{}", rich::standard_text(tables));
  } else {
    // The lecture knows no likelihood without prior: the third method would only be one more table to scroll.
    fmt::print("{}", rich::lecture_text(tables[0]));
    if (tables.size() > 1) fmt::print("\n{}", rich::lecture_text(tables[1]));
    fmt::print("\n{}", rich::terms_of_the_lecture());
  }
  if (!comparison.notes.empty()) fmt::print("\n");
  for (const std::string& note : comparison.notes) fmt::print("{}\n", note);
}

ExitCode table(const TableOptions& options, Context& context) {
  rich::NamedTracks network = load_named_tracks(options.source, context);
  on_rank_zero(context.mpi.group(), "table", [&] {
    const rich::PidComparison comparison = rich::compare(std::move(network), options.source.prior);
    const std::vector<rich::NamedTable> tables = rich::tables_of(comparison);
    options.json ? print_json(options, comparison, tables) : print_text(options, comparison, tables);
  });
  return ExitCode::done;
}

}  // namespace

void add_rich_table(Verb& rich, Action& action) {
  auto options = std::make_shared<TableOptions>();
  Verb* verb =
      rich.add_subcommand("table", "Named against true species, network and likelihood side by side");
  add_named_source(*verb, options->source);
  verb->add_option("--style", options->style, "`standard`, or `lecture` for the lecture's form and words")
      ->one_of({"standard", "lecture"})
      ->capture_default_str();
  verb->add_flag("--json", options->json, "One line of JSON with all figures of both styles");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return table(*options, context); }; });
}

}  // namespace annulus::trainer
