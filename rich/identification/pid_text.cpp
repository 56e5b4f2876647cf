#include "rich/identification/pid_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>
#include <vector>

namespace annulus::rich {
namespace {

/// For what cannot be calculated, as wide as a figure with its error.
constexpr const char* kNothing = "-         ";

using Output = std::back_insert_iterator<std::string>;

std::vector<std::size_t> occurring(const PidTable& table) {
  std::vector<std::size_t> classes;
  for (std::size_t k = 0; k < table.size(); ++k)
    if (table.occurs(k)) classes.push_back(k);
  return classes;
}

std::string_view name_in(const PidTable& table, std::size_t index) { return name_of(table.classes()[index]); }

double percent(const Share& share) { return 100 * share.value(); }

std::string with_error(const Share& share) {
  return share.exists() ? fmt::format("{:6.2f} +- {:5.2f}", percent(share), 100 * share.error()) : kNothing;
}

void lecture_accuracies(const PidTable& table, const std::vector<std::size_t>& classes, Output out) {
  fmt::format_to(out, "{:<12} {:>11} {:>10} {:>10}\n", "class", "# particles", "accuracy", "loss");
  for (const std::size_t k : classes) {
    const std::optional<double> loss = table.loss(k);
    const Share named_so = table.efficiency(k);
    fmt::format_to(out, "{:<12} {:>11} {:>10.6f} {:>10}\n", name_in(table, k), named_so.whole,
                   named_so.value(), loss ? fmt::format("{:.6f}", *loss) : "-");
  }
}

void lecture_matrix(const PidTable& table, const std::vector<std::size_t>& classes, Output out) {
  fmt::format_to(out, "{:<12} |", "% of total");
  for (const std::size_t k : classes) fmt::format_to(out, "{:>10}", name_in(table, k));
  fmt::format_to(out, " | {:>8}\n", "% purity");
  for (const std::size_t truth : classes) {
    fmt::format_to(out, "{:<12} |", name_in(table, truth));
    for (const std::size_t k : classes) fmt::format_to(out, "{:>10.3f}", percent(table.field(truth, k)));
    fmt::format_to(out, " | {:>8.3f}\n", percent(table.efficiency(truth)));
  }
  fmt::format_to(out, "{:<12} |", "% efficiency");
  for (const std::size_t k : classes) fmt::format_to(out, "{:>10.3f}", percent(table.purity(k)));
  fmt::format_to(out, " |\n");
}

void standard_header(const char* title, std::span<const NamedTable> methods, Output out) {
  fmt::format_to(out, "{:<32} {:>7}", title, "tracks");
  for (const NamedTable& method : methods) fmt::format_to(out, " {:>18}", method.name);
  fmt::format_to(out, "\n");
}

/// A line of the standard table: a share of each method.
void standard_line(const std::string& title, std::span<const NamedTable> methods,
                   const std::function<Share(const PidTable&)>& share, Output out) {
  fmt::format_to(out, "  {:<30}", title);
  const bool same = std::ranges::all_of(methods, [&](const NamedTable& method) {
    return share(method.table).whole == share(methods.front().table).whole;
  });
  fmt::format_to(out, " {:>7}", same ? std::to_string(share(methods.front().table).whole) : "");
  for (const NamedTable& method : methods) fmt::format_to(out, " {:>18}", with_error(share(method.table)));
  fmt::format_to(out, "\n");
}

void standard_shares(std::span<const NamedTable> methods, const std::vector<std::size_t>& classes,
                     Output out) {
  standard_header("efficiency, % of true tracks", methods, out);
  for (const std::size_t k : classes)
    standard_line(
        std::string(name_in(methods.front().table, k)), methods,
        [k](const PidTable& table) { return table.efficiency(k); }, out);
  standard_line(
      "overall", methods, [](const PidTable& table) { return table.overall(); }, out);
  fmt::format_to(out, "  {:<38}", "macro average (species alike)");
  for (const NamedTable& method : methods)
    fmt::format_to(out, " {:>18}", fmt::format("{:6.2f}         ", 100 * method.table.macro_average()));
  fmt::format_to(out, "\n  {:<38}", "loss");
  for (const NamedTable& method : methods) {
    const std::optional<double> loss = method.table.loss();
    fmt::format_to(out, " {:>18}", loss ? fmt::format("{:8.4f}       ", *loss) : kNothing);
  }
  fmt::format_to(out, "\n\n");
  standard_header("purity, % of tracks named so", methods, out);
  for (const std::size_t k : classes)
    standard_line(
        std::string(name_in(methods.front().table, k)), methods,
        [k](const PidTable& table) { return table.purity(k); }, out);
}

void standard_groups(std::span<const NamedTable> methods, Output out) {
  standard_header("heavy (K, p, d), light (e, mu, pi)", methods, out);
  for (const Species species : {Species::kaon, Species::pion})
    for (const MassGroup group : {MassGroup::heavy, MassGroup::light})
      standard_line(
          fmt::format("true {}s named {}", name_of(species), group == MassGroup::heavy ? "heavy" : "light"),
          methods, [&](const PidTable& table) { return table.named_as(species, group); }, out);
  for (const Species species : {Species::kaon, Species::pion})
    for (const MassGroup group : {MassGroup::heavy, MassGroup::light})
      standard_line(
          fmt::format("tracks named {}, truly {}", name_of(species),
                      group == MassGroup::heavy ? "heavy" : "light"),
          methods, [&](const PidTable& table) { return table.made_of(species, group); }, out);
}

void standard_matrix(const NamedTable& method, const std::vector<std::size_t>& classes, Output out) {
  fmt::format_to(out, "{}: % of all tracks, rows true, columns named\n{:<12}", method.name, "");
  for (const std::size_t k : classes) fmt::format_to(out, "{:>10}", name_in(method.table, k));
  fmt::format_to(out, "\n");
  for (const std::size_t truth : classes) {
    fmt::format_to(out, "  {:<10}", name_in(method.table, truth));
    for (const std::size_t k : classes)
      fmt::format_to(out, "{:>10.3f}", percent(method.table.field(truth, k)));
    fmt::format_to(out, "\n");
  }
}

}  // namespace

std::string lecture_text(const NamedTable& method) {
  const PidTable& table = method.table;
  std::vector<std::size_t> classes = occurring(table);
  std::ranges::sort(classes, {}, [&](std::size_t k) { return name_in(table, k); });
  std::string text;
  const Output out = std::back_inserter(text);
  fmt::format_to(out, "{}: {} tracks\n\n", method.name, table.tracks());
  lecture_accuracies(table, classes, out);
  fmt::format_to(out, "\n");
  lecture_matrix(table, classes, out);
  const auto ratio = [&](Species species, MassGroup group) { return percent(table.made_of(species, group)); };
  fmt::format_to(out, "\nID    %  K->K,Pr,D : {:7.3f}    pi->e,m,pi : {:7.3f}\n",
                 ratio(Species::kaon, MassGroup::heavy), ratio(Species::pion, MassGroup::light));
  fmt::format_to(out, "MisID %  K->e,m,pi : {:7.3f}    pi->K,Pr,D : {:7.3f}\n",
                 ratio(Species::kaon, MassGroup::light), ratio(Species::pion, MassGroup::heavy));
  return text;
}

std::string terms_of_the_lecture() {
  return "In the lecture's words \"purity\" is the share of true tracks that is found, \"efficiency\" the share of\n"
         "named tracks that is right, and ID and MisID are over the tracks named kaon and pion. --style standard\n"
         "has the usual terms.\n";
}

std::string standard_text(std::span<const NamedTable> methods) {
  std::vector<std::size_t> classes;
  for (std::size_t k = 0; k < methods.front().table.size(); ++k)
    if (std::ranges::any_of(methods, [k](const NamedTable& method) { return method.table.occurs(k); }))
      classes.push_back(k);
  std::string text;
  const Output out = std::back_inserter(text);
  standard_shares(methods, classes, out);
  fmt::format_to(out, "\n");
  standard_groups(methods, out);
  for (const NamedTable& method : methods) {
    fmt::format_to(out, "\n");
    standard_matrix(method, classes, out);
  }
  return text;
}

}  // namespace annulus::rich
