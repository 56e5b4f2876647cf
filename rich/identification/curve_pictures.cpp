#include "rich/identification/curve_pictures.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace annulus::rich {
namespace {

/// Told apart without red or green as well (Okabe and Ito); the likelihood is black.
constexpr std::array<const char*, 6> kColours{"#0072b2", "#d55e00", "#009e73",
                                              "#cc79a7", "#e69f00", "#56b4e9"};

using Rows = std::vector<std::vector<double>>;

bool is_likelihood(const CurveSet& set, std::size_t method) { return set.methods[method] == kLikelihoodName; }

const char* colour_of(const CurveSet& set, std::size_t method) {
  return is_likelihood(set, method) ? "#000000" : kColours[method % kColours.size()];
}

std::string line_of(const CurveSet& set, std::size_t method) {
  return fmt::format("lw 2 lc rgb '{}' dt {}", colour_of(set, method),
                     is_likelihood(set, method) ? "(9,5)" : "solid");
}

/// A curve's points. Many tracks may share one score (no ring under either hypothesis): whoever keeps some of
/// them moves along a straight line between two cuts, which is a bent one on a logarithmic axis, so that
/// points are put in between.
Rows rows_of(const std::vector<CutPoint>& points) {
  constexpr double kStep = 0.005;  // of the kaons
  Rows rows;
  for (const CutPoint& point : points) {
    if (!rows.empty()) {
      const double from = rows.back()[0];
      const double low = rows.back()[1];
      const int steps = static_cast<int>((point.efficiency - from) / kStep);
      for (int i = 1; i < steps; ++i) {
        const double part = static_cast<double>(i) / steps;
        rows.push_back(
            {std::lerp(from, point.efficiency, part), std::lerp(low, point.misidentification, part)});
      }
    }
    rows.push_back({point.efficiency, point.misidentification});
  }
  return rows;
}

/// Adds a curve's points. gnuplot wants at least one row.
std::string add_curve(io::Gnuplot& plot, std::size_t number, const BinCurve& curve) {
  Rows rows = rows_of(curve.points);
  if (rows.empty()) rows.push_back({NAN, NAN});
  const std::string name = fmt::format("curve{}", number);
  plot.data(name, rows);
  return name;
}

void start(io::Gnuplot& plot) {
  plot.script(
      "set border lw 0.8 lc '#404040'\nset tics out nomirror scale 0.5 font ',9'\nset title offset 0,-0.5\n"
      "set grid lc '#dddddd' lw 0.6 dt 1\n");
}

struct Words {
  const char* title;
  const char* horizontal;
  const char* vertical;
};

io::Gnuplot cut_picture(const CurveSet& set, const std::vector<BinCurve>& curves, const Words& words) {
  const std::vector<MomentumBin> bins = curve_bins();
  io::Gnuplot plot({.width = 1200, .height = 860});
  start(plot);
  for (std::size_t i = 0; i < curves.size(); ++i) add_curve(plot, i, curves[i]);
  plot.script(fmt::format("set multiplot layout 2,3 margins 0.07,0.98,0.08,0.88 spacing 0.07,0.13 title {}\n",
                          io::gnuplot_text(words.title)));
  plot.script(fmt::format(
      "set logscale y\nset xrange [0.4:1.01]\nset yrange [0.0005:1]\nset xlabel '{}'\nset ylabel '{}' offset 1,0\nset arrow 1 from 0.9,graph 0 to 0.9,graph 1 nohead lc '#888888' dt 3\n",
      words.horizontal, words.vertical));
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    const BinCurve& first = curves[bin];
    plot.script(fmt::format("set title '{}: {} K, {} pi'\n{}\n", first.bin.name(), first.kaons, first.pions,
                            bin == 0 ? "set key top left font ',9' samplen 2" : "unset key"));
    std::string plots;
    for (std::size_t method = 0; method < set.methods.size(); ++method)
      plots += fmt::format("{}$curve{} using 1:2 with lines {} title {}", plots.empty() ? "plot " : ", ",
                           method * bins.size() + bin, line_of(set, method),
                           io::gnuplot_text(set.methods[method]));
    plot.script(plots);
  }
  plot.script("unset multiplot\n");
  return plot;
}

}  // namespace

io::Gnuplot kaon_pion_picture(const CurveSet& set) {
  return cut_picture(
      set, set.kaon_pion,
      {"Kaons kept and pions mistaken for them, by ln of kaon over pion", "kaons kept", "pions mistaken"});
}

io::Gnuplot heavy_light_picture(const CurveSet& set) {
  return cut_picture(set, set.heavy_light,
                     {"Kaons and pions named heavy (K, p, d), by ln of heavy over light", "kaons named heavy",
                      "pions named heavy"});
}

io::Gnuplot separation_picture(const CurveSet& set) {
  io::Gnuplot plot({.width = 800, .height = 560});
  start(plot);
  std::string plots;
  for (std::size_t method = 0; method < set.methods.size(); ++method) {
    Rows rows;
    for (const SeparationPoint& point : set.separations)
      if (point.method == set.methods[method])
        rows.push_back({std::sqrt(point.bin.low * point.bin.high), point.separation.sigmas, point.bin.low,
                        point.bin.high});
    if (rows.empty()) rows.push_back({NAN, NAN, NAN, NAN});
    plot.data(fmt::format("separation{}", method), rows);
    plots += fmt::format(
        "{0}$separation{1} using 1:2:3:4 with xerrorbars pt 7 ps 0.6 lw 1 lc rgb '{4}' notitle, $separation{1} using 1:2 with lines {2} title {3}",
        plots.empty() ? "plot " : ", ", method, line_of(set, method), io::gnuplot_text(set.methods[method]),
        colour_of(set, method));
  }
  plot.script(
      set.separations.empty()  // gnuplot finds no range for points that are not there
          ? "set yrange [0:1]\nset label 'too few kaons and pions in every bin' at graph 0.5,0.5 center\n"
          : "set yrange [0:*]\n");
  plot.script(
      "set title 'Separation of kaons and pions'\nset logscale x\nset xrange [2:100]\n"
      "set xtics (2,3,5,7,'9.3' 9.3,'17.7' 17.7,'35.3' 35.3,60,100)\nset xlabel 'momentum [GeV/c]'\n"
      "set ylabel 'standard deviations'\nset key top right\n" +
      plots);
  return plot;
}

}  // namespace annulus::rich
