// Layout in pixels of the canvas; every plot says its own frame. Panels are drawn as one sees them from the
// collision point with y up: RICH1's halves above each other, RICH2's beside each other, apart by a gap.
#include "rich/images/display_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numbers>

namespace annulus::rich {
namespace {

constexpr int kWidth = 1440;
constexpr int kHeight = 1200;
/// Between the halves of a RICH in the picture, mm.
constexpr double kGap = 60;
constexpr std::string_view kGrey = "#9a9a9a";
/// One colour a species, also told apart without red or green (Okabe and Ito), and one pattern of dashes:
/// rings of light particles lie on each other.
struct Look {
  const char* colour;
  const char* dashes;
};
constexpr std::array<Look, kSpeciesCount> kLooks{{{"#0072b2", "(12,6)"},
                                                  {"#e69f00", "(3,4)"},
                                                  {"#d62728", "solid"},
                                                  {"#009e73", "solid"},
                                                  {"#8c3fb4", "(12,4,3,4)"},
                                                  {"#7f4a1e", "(6,3)"}}};

/// Where a plot stands, pixels from the lower left corner.
struct Frame4 {
  int left = 0;
  int bottom = 0;
  int width = 0;
  int height = 0;
};

struct Point {
  double x = 0;
  double y = 0;
};

using Rows = std::vector<std::vector<double>>;

/// A place of either half in the common picture of a RICH; nothing beyond the panel.
class Overview {
 public:
  explicit Overview(const Rich& rich) : rich_(rich) {}

  std::optional<Point> place(const PanelSpot& spot) const {
    const Panel& panel = rich_.panel;
    if (std::abs(spot.at.u) > panel.half_u || std::abs(spot.at.v) > panel.half_v) return std::nullopt;
    const double sign = spot.half == Half::positive ? 1 : -1;
    if (stacked()) return Point{spot.at.u, sign * (spot.at.v + shift())};
    return Point{sign * (spot.at.u + shift()), spot.at.v};
  }
  bool stacked() const { return rich_.id == RichId::rich1; }
  double shift() const { return (stacked() ? rich_.panel.half_v : rich_.panel.half_u) + kGap / 2; }
  double range_x() const { return stacked() ? rich_.panel.half_u : 2 * rich_.panel.half_u + kGap / 2; }
  double range_y() const { return stacked() ? 2 * rich_.panel.half_v + kGap / 2 : rich_.panel.half_v; }

  /// Tics that say the panel's own coordinate on both halves.
  std::string tics() const {
    std::string text;
    for (const double sign : {-1.0, 1.0})
      for (const int at : {-200, 0, 200})
        text += fmt::format("{}'{}' {:.6g}", text.empty() ? "" : ", ", at, sign * (at + shift()));
    return fmt::format("set {}tics ({})\n", stacked() ? "y" : "x", text);
  }

 private:
  const Rich& rich_;
};

/// Puts the pieces of a picture together.
class Painter {
 public:
  explicit Painter(const EventDisplay& display)
      : display_(display), detector_(make_detector(display.preset)), plot_({kWidth, kHeight}) {}

  io::Gnuplot paint(const std::string& title) {
    add_styles();
    for (const RichDisplay& rich : display_.riches) add_data(rich);
    plot_.script("set multiplot\n");
    plot_.script(fmt::format("set label 1 {} at screen 0.5,{:.5f} center font ',15'\n",
                             io::gnuplot_text(title), 1 - 24.0 / kHeight));
    legend({40, kHeight - 84, kWidth - 80, 36});
    plot_.script("unset label 1\n");
    overview(display_.riches[0], {80, 510, 600, 570});
    overview(display_.riches[1], {810, 510, 600, 570});
    zoom(display_.riches[0], {80, 70, 290, 350});
    corona(display_.riches[0], {440, 70, 240, 350});
    zoom(display_.riches[1], {810, 70, 290, 350});
    corona(display_.riches[1], {1170, 70, 240, 350});
    plot_.script("unset multiplot\n");
    return std::move(plot_);
  }

 private:
  static std::string name(const RichDisplay& rich, std::string_view what) {
    return fmt::format("rich{}_{}", index_of(rich.id) + 1, what);
  }

  void add_styles() {
    plot_.script(
        "set border lw 0.8 lc '#404040'\nset tics out nomirror scale 0.5 textcolor '#202020' font ',9'\n"
        "set style fill solid noborder\nset title offset 0,-0.6 font ',12'\nset cblabel offset -1,0\n");
    for (const Species species : kAllSpecies)
      plot_.script(fmt::format("set style line {} lw 1.8 lc rgb '{}' dt {}", index_of(species) + 1,
                               kLooks[index_of(species)].colour, kLooks[index_of(species)].dashes));
  }

  void add_hits(const RichDisplay& rich) {
    const Overview overview(detector_[rich.id]);
    for (const bool own : {false, true}) {
      Rows all;
      Rows near;
      for (const DisplayHit& hit : rich.hits) {
        if (hit.own != own) continue;
        const auto place = overview.place(hit.spot);
        if (place) all.push_back({place->x, place->y, hit.size / 2, hit.size / 2});
        if (rich.centre && hit.spot.half == rich.centre->half)
          near.push_back({hit.spot.at.u, hit.spot.at.v, hit.size / 2, hit.size / 2});
      }
      // gnuplot refuses to plot nothing at all.
      if (all.empty()) all.push_back({NAN, NAN, 0, 0});
      if (near.empty()) near.push_back({NAN, NAN, 0, 0});
      plot_.data(name(rich, own ? "own" : "hits"), all);
      plot_.data(name(rich, own ? "own_near" : "hits_near"), near);
    }
  }

  /// A ring in the common picture, interrupted where it leaves a panel.
  static void append(const Overview& overview, const RingLine& line, Rows& rows) {
    const PanelSpot* last = nullptr;
    for (const auto& spot : line) {
      const auto point = spot ? overview.place(*spot) : std::nullopt;
      if (!point || (last != nullptr && last->half != spot->half)) rows.emplace_back();
      if (point) rows.push_back({point->x, point->y});
      last = point ? &*spot : nullptr;
    }
    rows.emplace_back();
  }

  void add_rings(const RichDisplay& rich) {
    const Overview overview(detector_[rich.id]);
    Rows others{{NAN, NAN}, {}};
    for (const RingLine& line : rich.others) append(overview, line, others);
    plot_.data(name(rich, "others"), others);
    for (const HypothesisRing& ring : rich.rings) {
      Rows all{{NAN, NAN}, {}};
      append(overview, ring.line, all);
      Rows near{{NAN, NAN}, {}};
      for (const auto& spot : ring.line) {
        const bool here = spot && rich.centre && spot->half == rich.centre->half;
        near.push_back(here ? std::vector<double>{spot->at.u, spot->at.v} : std::vector<double>{});
      }
      plot_.data(name(rich, name_of(ring.species)), all);
      plot_.data(name(rich, name_of(ring.species)) + "_near", near);
    }
  }

  void add_corona(const RichDisplay& rich) {
    if (rich.corona.empty()) return;
    const int size = display_.corona_size;
    Rows rows;
    for (int row = 0; row < size; ++row)
      for (int column = 0; column < size; ++column) {
        const double theta = rich.window.low + (row + 0.5) / size * (rich.window.high - rich.window.low);
        const double phi = -std::numbers::pi + (column + 0.5) / size * 2 * std::numbers::pi;
        rows.push_back({phi, 1e3 * theta, static_cast<double>(rich.corona[row * size + column])});
      }
    plot_.data(name(rich, "corona"), rows);
  }

  void add_data(const RichDisplay& rich) {
    add_hits(rich);
    add_rings(rich);
    add_corona(rich);
  }

  void place(const Frame4& at) {
    plot_.script(fmt::format(
        "set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\nset bmargin at screen {:.5f}\nset tmargin at screen {:.5f}\n",
        static_cast<double>(at.left) / kWidth, static_cast<double>(at.left + at.width) / kWidth,
        static_cast<double>(at.bottom) / kHeight, static_cast<double>(at.bottom + at.height) / kHeight));
  }

  /// A plot of lines alone, which only their names are seen of.
  void legend(const Frame4& at) {
    place(at);
    std::string plots =
        "plot NaN with points pt 5 ps 0.7 lc rgb '#9a9a9a' title 'hits', NaN with points pt 5 ps 0.9 lc rgb 'black' title 'hits of the track', NaN with lines lw 1 lc rgb '#c4c4c4' title 'rings of other tracks'";
    for (const Species species : kAllSpecies)
      plots += fmt::format(", NaN with lines ls {} title 'as {}'", index_of(species) + 1, name_of(species));
    plot_.script(
        "unset border\nunset tics\nset key center center horizontal maxrows 1 samplen 2 width -2 font ',10'\n"
        "set xrange [0:1]\nset yrange [0:1]\n" +
        plots + "\nset border 15\nset xtics\nset ytics\nunset key\n");
  }

  std::string ring_plots(const RichDisplay& rich, const char* suffix) const {
    std::string text;
    // The chosen track's true ring last, on top of the others.
    std::vector<const HypothesisRing*> rings;
    for (const HypothesisRing& ring : rich.rings) rings.push_back(&ring);
    std::stable_partition(rings.begin(), rings.end(),
                          [&](const auto* ring) { return ring->species != display_.species; });
    for (const HypothesisRing* ring : rings)
      text += fmt::format(", ${}{} using 1:2 with lines ls {}{}", name(rich, name_of(ring->species)), suffix,
                          index_of(ring->species) + 1, ring->species == display_.species ? " lw 2.6" : "");
    return text;
  }

  void outlines(const Overview& overview, const Rich& rich) {
    for (const Half half : kHalves) {
      const auto low = overview.place({half, {-rich.panel.half_u, -rich.panel.half_v}});
      const auto high = overview.place({half, {rich.panel.half_u, rich.panel.half_v}});
      plot_.script(fmt::format(
          "set object {} rect from {:.6g},{:.6g} to {:.6g},{:.6g} fs empty border lc rgb '#404040' lw 0.8",
          half == Half::positive ? 1 : 2, low->x, low->y, high->x, high->y));
    }
  }

  void overview(const RichDisplay& rich, const Frame4& at) {
    const Rich& detector = detector_[rich.id];
    const Overview overview(detector);
    place(at);
    plot_.script("set size ratio -1\nunset border\nset xtics auto\nset ytics auto\n" + overview.tics());
    plot_.script(fmt::format("set xlabel '{}'\nset ylabel '{}' offset 1,0\n",
                             overview.stacked() ? "u = x [mm]" : "u [mm]", "v [mm]"));
    plot_.script(fmt::format("set title '{}: halves {}'\n", detector.name,
                             overview.stacked() ? "above and below the beam" : "on either side of the beam"));
    plot_.script(fmt::format("set xrange [{0:.6g}:{1:.6g}]\nset yrange [{2:.6g}:{3:.6g}]\n",
                             -overview.range_x() - 8, overview.range_x() + 8, -overview.range_y() - 8,
                             overview.range_y() + 8));
    outlines(overview, detector);
    plot_.script(fmt::format(
        "plot ${0} using 1:2 with lines lw 0.7 lc rgb '#c4c4c4', ${1} using 1:2 with points pt 5 ps 0.22 lc rgb '#7d7d7d'{2}, ${3} using 1:2 with points pt 5 ps 0.34 lc rgb 'black'\n"
        "unset object 1\nunset object 2\nset border 15\n",
        name(rich, "others"), name(rich, "hits"), ring_plots(rich, ""), name(rich, "own")));
  }

  /// In place of a plot that there is nothing for.
  void absence(const RichDisplay& rich, const Frame4& at, const std::string& title) {
    place(at);
    plot_.script(
        fmt::format("set size noratio\nset title '{}'\nunset xtics\nunset ytics\nunset xlabel\nunset ylabel\n"
                    "set xrange [0:1]\nset yrange [0:1]\n"
                    "set label 2 \"the track does not\\ncross {}\" at 0.5,0.5 center\n"
                    "plot NaN\nunset label 2\nset xtics auto\nset ytics auto\n",
                    title, detector_[rich.id].name));
  }

  void zoom(const RichDisplay& rich, const Frame4& at) {
    const Rich& detector = detector_[rich.id];
    const std::string title = fmt::format("{}: around the track", detector.name);
    if (rich.rings.empty() || !rich.centre) return absence(rich, at, title);
    const double half_width = 1.22 * detector.image_scale * rich.rings.front().theta;
    const double half_height = half_width * at.height / at.width;
    const PanelPoint& centre = rich.centre->at;
    place(at);
    plot_.script(fmt::format(
        "set size noratio\nset title '{}'\nset xlabel 'u [mm]'\nset ylabel 'v [mm]' offset 1,0\n"
        "set xtics auto\nset ytics auto\n"
        "set xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]\n",
        title, centre.u - half_width, centre.u + half_width, centre.v - half_height, centre.v + half_height));
    plot_.script(fmt::format(
        "set label 3 '' at {:.6g},{:.6g} point pt 1 ps 1 lc rgb 'black'\n"
        "plot ${} using 1:2:3:4 with boxxyerror lc rgb '{}'{}, ${} using 1:2:3:4 with boxxyerror lc rgb 'black'\n"
        "unset label 3\n",
        centre.u, centre.v, name(rich, "hits_near"), kGrey, ring_plots(rich, "_near"),
        name(rich, "own_near")));
  }

  void corona(const RichDisplay& rich, const Frame4& at) {
    const std::string title = fmt::format("{}: corona", detector_[rich.id].name);
    if (rich.corona.empty()) return absence(rich, at, title);
    place(at);
    plot_.script(
        fmt::format("set size noratio\nset title '{}'\nset xlabel 'azimuth [rad]'\n"
                    "set ylabel 'Cherenkov angle [mrad]' offset 1,0\n"
                    "set palette defined (0 'white', 1 '#c6dbef', 2 '#6baed6', 3 '#2171b5', 4 '#08306b')\n"
                    "set cbrange [0:4]\nunset colorbox\n"
                    "set xtics ('-π' -pi, '0' 0, 'π' pi)\nset ytics auto\n"
                    "set xrange [-pi:pi]\nset yrange [{:.6g}:{:.6g}]\n",
                    title, 1e3 * rich.window.low, 1e3 * rich.window.high));
    std::string rings;
    for (const HypothesisRing& ring : rich.rings)
      rings += fmt::format(", {:.6g} with lines ls {}{}", 1e3 * ring.theta, index_of(ring.species) + 1,
                           ring.species == display_.species ? " lw 2.6" : "");
    plot_.script(fmt::format("plot ${} using 1:2:3 with image pixels{}\n", name(rich, "corona"), rings));
  }

  static constexpr std::array<Half, 2> kHalves{Half::positive, Half::negative};

  const EventDisplay& display_;
  Detector detector_;
  io::Gnuplot plot_;
};

}  // namespace

io::Gnuplot picture_of(const EventDisplay& display, const std::string& title) {
  return Painter(display).paint(title);
}

}  // namespace annulus::rich
