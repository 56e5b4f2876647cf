// annulus rich curves: how well networks and the likelihood keep kaons and pions apart, as numbers and
// pictures.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "io/files/atomic_file.hpp"
#include "rich/identification/curve_pictures.hpp"
#include "rich/identification/curve_set.hpp"
#include "trainer/commands/rich/named.hpp"
#include "trainer/commands/rich/rich.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

struct CurvesOptions {
  std::vector<std::string> words;  ///< sources, and key=value
  NamedSource common;              ///< what holds for all sources
  std::string output;
  bool replace = false;

  io::Existing existing() const { return replace ? io::Existing::replace : io::Existing::refuse; }
  std::string file(const std::string& name) const { return (fs::path(output) / name).string(); }
};

constexpr std::array<const char*, 3> kPictureNames{"kaon_pion", "heavy_light", "separation"};
constexpr std::array<const char*, 2> kPictureEnds{".svg", ".png"};

std::vector<NamedSource> sources_of(const CurvesOptions& options) {
  std::vector<NamedSource> sources;
  std::vector<std::string> overrides;
  for (const std::string& word : options.words) {
    if (word.find('=') != std::string::npos) {
      overrides.push_back(word);
      continue;
    }
    sources.push_back(options.common);
    sources.back().source = word;
  }
  if (sources.empty()) throw UsageError("No run and no predictions are named; there is nothing to draw.");
  if (sources.size() > 1 && !options.common.checkpoint.empty())
    throw UsageError("--checkpoint {} cannot be of {} sources at once. Name one run with it.",
                     options.common.checkpoint, sources.size());
  for (NamedSource& source : sources) source.overrides = overrides;
  return sources;
}

/// Infinities have no place in JSON: an open end is null.
nlohmann::json number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nullptr; }

nlohmann::json to_json(const rich::BinCurve& curve) {
  nlohmann::json json{{"method", curve.method},
                      {"momentum", {number(curve.bin.low), number(curve.bin.high)}},
                      {"kaons", curve.kaons},
                      {"pions", curve.pions},
                      {"pions_at_90_percent_kaons", nullptr},
                      {"points", nlohmann::json::array()}};
  if (curve.at_90)
    json["pions_at_90_percent_kaons"] = {{"value", curve.at_90->misidentification},
                                         {"error", curve.at_90->error}};
  for (const rich::CutPoint& point : curve.points)
    json["points"].push_back({number(point.cut), point.efficiency, point.misidentification});
  return json;
}

nlohmann::json to_json(const rich::CurveSet& set) {
  nlohmann::json json{{"methods", set.methods},
                      {"notes", set.notes},
                      {"points_are", {"cut", "share of kaons", "share of pions"}},
                      {"kaon_pion", nlohmann::json::array()},
                      {"heavy_light", nlohmann::json::array()},
                      {"separation", nlohmann::json::array()}};
  for (const rich::BinCurve& curve : set.kaon_pion) json["kaon_pion"].push_back(to_json(curve));
  for (const rich::BinCurve& curve : set.heavy_light) json["heavy_light"].push_back(to_json(curve));
  for (const rich::SeparationPoint& point : set.separations)
    json["separation"].push_back({{"method", point.method},
                                  {"momentum", {point.bin.low, point.bin.high}},
                                  {"kaons", point.kaons},
                                  {"pions", point.pions},
                                  {"median_kaon", point.separation.median_signal},
                                  {"median_pion", point.separation.median_background},
                                  {"sigmas", point.separation.sigmas}});
  return json;
}

/// A field of CSV: names may hold commas and quotes.
std::string field(const std::string& text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"') result += '"';
    result += letter;
  }
  return result + "\"";
}

std::string to_csv(const std::vector<rich::BinCurve>& curves) {
  std::string text = "method,momentum_low,momentum_high,cut,kaons,pions\n";
  for (const rich::BinCurve& curve : curves)
    for (const rich::CutPoint& point : curve.points)
      text += fmt::format("{},{:g},{:g},{:.6g},{:.6g},{:.6g}\n", field(curve.method), curve.bin.low,
                          curve.bin.high, point.cut, point.efficiency, point.misidentification);
  return text;
}

std::string to_csv(const std::vector<rich::SeparationPoint>& points) {
  std::string text = "method,momentum_low,momentum_high,kaons,pions,median_kaon,median_pion,sigmas\n";
  for (const rich::SeparationPoint& point : points)
    text += fmt::format("{},{:g},{:g},{},{},{:.6g},{:.6g},{:.6g}\n", field(point.method), point.bin.low,
                        point.bin.high, point.kaons, point.pions, point.separation.median_signal,
                        point.separation.median_background, point.separation.sigmas);
  return text;
}

void write_text(const std::string& path, const std::string& text, io::Existing existing) {
  io::AtomicFile target(path, existing);
  std::ofstream file(target.partial(), std::ios::binary);
  file << text;
  file.close();
  if (!file) throw RuntimeError("{} could not be written. Is the disk full?", target.partial());
  target.commit();
}

/// Every file that will be written is checked before the work begins.
void prepare_folder(const CurvesOptions& options) {
  std::error_code error;
  fs::create_directories(options.output, error);
  if (error || !fs::is_directory(options.output))
    throw UsageError("{}: is not a folder and cannot be made one ({}). Name another with --output.",
                     options.output, error ? error.message() : "it is a file");
  for (const char* name : kPictureNames) {
    const io::AtomicFile table(options.file(fmt::format("{}.csv", name)), options.existing());
    for (const char* end : kPictureEnds)
      io::check_picture(options.file(std::string(name) + end), options.existing());
  }
  const io::AtomicFile json(options.file("curves.json"), options.existing());
}

void write_numbers(const CurvesOptions& options, const rich::CurveSet& set) {
  write_text(options.file("curves.json"),
             to_json(set).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
             options.existing());
  write_text(options.file("kaon_pion.csv"), to_csv(set.kaon_pion), options.existing());
  write_text(options.file("heavy_light.csv"), to_csv(set.heavy_light), options.existing());
  write_text(options.file("separation.csv"), to_csv(set.separations), options.existing());
}

void draw_pictures(const CurvesOptions& options, const rich::CurveSet& set) {
  const std::array<io::Gnuplot, 3> pictures{kaon_pion_picture(set), heavy_light_picture(set),
                                            separation_picture(set)};
  for (std::size_t i = 0; i < pictures.size(); ++i)
    for (const char* end : kPictureEnds)
      pictures[i].draw(options.file(kPictureNames[i] + std::string(end)), options.existing());
}

std::string percent(const std::optional<rich::WorkingPoint>& point) {
  return point ? fmt::format("{:.2f} +- {:.2f}", 100 * point->misidentification, 100 * point->error) : "-";
}

/// Pions that remain where 90 % of the kaons do.
void print_merits(const rich::CurveSet& set) {
  const std::size_t bins = rich::curve_bins().size();
  for (const bool groups : {true, false}) {
    const auto& curves = groups ? set.heavy_light : set.kaon_pion;
    fmt::print("{:<48}", groups ? "% of pions named heavy at 90 % of kaons"
                                : "% of pions taken for kaons at 90 % of kaons");
    for (const std::string& method : set.methods) fmt::print(" {:>18}", method);
    fmt::print("\n");
    for (std::size_t bin = 0; bin < bins; ++bin) {
      fmt::print("  {:<46}", fmt::format("{} ({} K, {} pi)", curves[bin].bin.name(), curves[bin].kaons,
                                         curves[bin].pions));
      for (std::size_t method = 0; method < set.methods.size(); ++method)
        fmt::print(" {:>18}", percent(curves[method * bins + bin].at_90));
      fmt::print("\n");
    }
    fmt::print("\n");
  }
  for (const std::string& note : set.notes) fmt::print("{}\n", note);
}

/// What networks are called in legends: as their run or file, with its folder where two are alike.
std::vector<std::string> names_of(const std::vector<NamedSource>& sources) {
  std::vector<std::string> names;
  for (const NamedSource& source : sources) {
    const fs::path path = fs::path(source.source).lexically_normal();
    names.push_back((path.has_filename() ? path : path.parent_path()).stem().string());
  }
  const std::vector<std::string> all = names;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == rich::kLikelihoodName || std::ranges::count(all, names[i]) > 1)
      names[i] = sources[i].source;
  return names;
}

ExitCode curves(const CurvesOptions& options, Context& context) {
  const std::vector<NamedSource> sources = sources_of(options);
  on_rank_zero(context.mpi.group(), "output folder", [&] { prepare_folder(options); });
  std::vector<rich::PidComparison> comparisons;
  for (const NamedSource& source : sources) {
    rich::NamedTracks network = load_named_tracks(source, context);
    on_rank_zero(context.mpi.group(), "comparison",
                 [&] { comparisons.push_back(rich::compare(std::move(network), source.prior)); });
  }
  on_rank_zero(context.mpi.group(), "curves", [&] {
    const rich::CurveSet set = rich::curves_of(comparisons, names_of(sources));
    write_numbers(options, set);
    print_merits(set);
    draw_pictures(options, set);
    log_info("{}: curves as JSON and CSV, and pictures as SVG and PNG", options.output);
  });
  return ExitCode::done;
}

}  // namespace

void add_rich_curves(Verb& rich, Action& action) {
  auto options = std::make_shared<CurvesOptions>();
  Verb* verb = rich.add_subcommand(
      "curves", "Kaons kept against pions mistaken, networks and likelihood, as numbers and pictures");
  verb->add_option("sources", options->words,
                   "Run directories or files of `annulus predict` of the same tracks; key=value of runs")
      ->required();
  add_named_options(*verb, options->common);
  verb->add_option("--output", options->output, "Folder to write to; made when it does not exist")
      ->required();
  verb->add_flag("--replace", options->replace, "Overwrite files in the folder");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return curves(*options, context); }; });
}

}  // namespace annulus::trainer
