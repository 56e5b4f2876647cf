// Predictions as a table of text, and on the terminal.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/files/atomic_file.hpp"
#include "trainer/commands/predictions.hpp"

namespace annulus::trainer {
namespace {

/// Text that is there as a whole or not at all.
class TextFile {
 public:
  TextFile(const std::string& path, io::Existing existing)
      : path_(path), target_(path, existing), file_(target_.partial(), std::ios::binary) {}
  void write(const std::string& text) {
    file_ << text;
    if (!file_) throw RuntimeError("{}: cannot be written. Is the disk full?", printable(path_));
  }
  void finish() {
    file_.close();
    if (!file_) throw RuntimeError("{}: cannot be written. Is the disk full?", printable(path_));
    target_.commit();
  }

 private:
  std::string path_;
  io::AtomicFile target_;
  std::ofstream file_;
};

/// Which sample a line is about, and what its classes are called.
class LineNames {
 public:
  explicit LineNames(const PredictionContext& context) : context_(context), classes_(context.names()) {
    for (std::size_t k = classes_.size(); k < context.classes; ++k) classes_.push_back(std::to_string(k));
  }
  const std::string& class_name(std::size_t k) const { return classes_.at(k); }
  std::string sample(std::uint64_t number) const {
    if (!context_.task.pictures.empty()) return context_.task.pictures.at(number);
    return std::to_string(io::stored_row(context_.data, number));
  }

 private:
  PredictionContext context_;
  std::vector<std::string> classes_;
};

/// A field as RFC 4180 has it: in quotation marks where it must be.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

/// A line of names, then one a sample: picture or row, label, the likeliest class and its probability, and
/// the probabilities of all classes with nine digits, which tell all floats apart.
class CsvPredictions final : public Predictions {
 public:
  explicit CsvPredictions(const PredictionContext& context)
      : context_(context), names_(context), writer_(context.task.output, context.task.existing) {
    std::string line =
        fmt::format("{}{},prediction,probability", context.task.pictures.empty() ? "row" : "picture",
                    context.task.labelled ? ",label" : "");
    for (std::size_t k = 0; k < context.classes; ++k) line += ',' + csv_field(names_.class_name(k));
    writer_.write(line + '\n');
  }

  void append(std::span<const float> probabilities, std::span<const std::int32_t> labels) override {
    std::string lines;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = probabilities.subspan(i * context_.classes, context_.classes);
      lines += csv_field(names_.sample(next_++));
      if (context_.task.labelled)
        lines += ',' + csv_field(names_.class_name(static_cast<std::size_t>(labels[i])));
      lines += fmt::format(",{},{:.9g}", csv_field(names_.class_name(likeliest_class(row))),
                           row[likeliest_class(row)]);
      for (const float probability : row) lines += fmt::format(",{:.9g}", probability);
      lines += '\n';
    }
    writer_.write(lines);
  }

  void finish() override { writer_.finish(); }

 private:
  PredictionContext context_;
  LineNames names_;
  TextFile writer_;
  std::uint64_t next_ = 0;
};

/// The likeliest classes of a sample, the first first; of equals the one of the smaller number.
std::vector<std::size_t> likeliest(std::span<const float> row) {
  constexpr std::size_t kShown = 5;
  std::vector<std::size_t> order(row.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t shown = std::min(kShown, order.size());
  const auto key = [&](std::size_t k) { return std::isnan(row[k]) ? -1.0f : row[k]; };
  std::ranges::partial_sort(
      order, order.begin() + static_cast<std::ptrdiff_t>(shown),
      [&](std::size_t a, std::size_t b) { return key(a) > key(b) || (key(a) == key(b) && a < b); });
  order.resize(shown);
  return order;
}

/// "cat.png: cat 0.913, dog 0.061, ..."
std::string text_line(const LineNames& names, std::uint64_t sample, std::span<const float> row) {
  std::string line = shown_name(names.sample(sample));
  const char* separator = ": ";
  for (const std::size_t k : likeliest(row)) {
    line += fmt::format("{}{} {:.3f}", separator, shown_name(names.class_name(k)), row[k]);
    separator = ", ";
  }
  return line + '\n';
}

/// One picture:
///
///     cat.png
///       cat    0.913  ####################################
///       dog    0.061  ##
std::string bars(const LineNames& names, std::span<const float> row) {
  constexpr double kLongest = 40;
  std::string lines = shown_name(names.sample(0)) + '\n';
  std::size_t width = 0;
  for (const std::size_t k : likeliest(row))
    width = std::max(width, shown_name(names.class_name(k), 40).size());
  for (const std::size_t k : likeliest(row)) {
    const auto length = static_cast<std::size_t>(std::isfinite(row[k]) ? std::lround(kLongest * row[k]) : 0);
    std::string line = fmt::format("  {:<{}}  {:.3f}  {}", shown_name(names.class_name(k), 40), width, row[k],
                                   std::string(length, '#'));
    line.erase(line.find_last_not_of(' ') + 1);
    lines += line + '\n';
  }
  return lines;
}

/// A line a sample with its five likeliest classes, in a file or on the terminal; there one picture gets
/// bars.
class TextPredictions final : public Predictions {
 public:
  explicit TextPredictions(const PredictionContext& context) : context_(context), names_(context) {
    if (!context.task.output.empty()) file_.emplace(context.task.output, context.task.existing);
  }

  void append(std::span<const float> probabilities, std::span<const std::int32_t> labels) override {
    const bool with_bars = !file_ && context_.data.samples == 1;
    std::string lines;
    for (std::size_t i = 0; i < labels.size(); ++i, ++next_) {
      const auto row = probabilities.subspan(i * context_.classes, context_.classes);
      lines += with_bars ? bars(names_, row) : text_line(names_, next_, row);
    }
    if (file_)
      file_->write(lines);
    else
      fmt::print("{}", lines);
  }

  void finish() override {
    if (file_) file_->finish();
  }

 private:
  PredictionContext context_;
  LineNames names_;
  std::optional<TextFile> file_;
  std::uint64_t next_ = 0;
};

}  // namespace

std::unique_ptr<Predictions> make_csv_predictions(const PredictionContext& context) {
  return std::make_unique<CsvPredictions>(context);
}

std::unique_ptr<Predictions> make_text_predictions(const PredictionContext& context) {
  return std::make_unique<TextPredictions>(context);
}

}  // namespace annulus::trainer
