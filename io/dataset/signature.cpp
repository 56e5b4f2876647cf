// See signature.hpp. Thresholds of the scale are far from both what pictures do and what scaling does:
// brightness of photographs differs by factors of two or three, units by 255.
#include "io/dataset/signature.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace annulus::io {
namespace {

/// From here on a ratio of scales is suspicious.
constexpr double kOtherUnits = 16;
/// From here on even a set of dark images does not explain it.
constexpr double kNoPicture = 128;
/// Share of the largest value below which negative values are rounding.
constexpr double kNegligible = 0.05;

class FactsSum {
 public:
  template <class Value>
  void add(std::span<const Value> values) {
    for (const Value stored : values) {
      const auto value = static_cast<double>(stored);
      if (!std::isfinite(value)) continue;
      total_ += value;
      squares_ += value * value;
      smallest_ = std::min(smallest_, value);
      largest_ = std::max(largest_, value);
      ++count_;
    }
  }

  void write(PixelFacts& facts) const {
    if (count_ == 0) return;
    const double count = static_cast<double>(count_);
    facts.measured = true;
    facts.smallest = smallest_;
    facts.largest = largest_;
    facts.mean = total_ / count;
    facts.deviation = std::sqrt(std::max(0.0, squares_ / count - facts.mean * facts.mean));
  }

 private:
  double total_ = 0;
  double squares_ = 0;
  double smallest_ = std::numeric_limits<double>::infinity();
  double largest_ = -std::numeric_limits<double>::infinity();
  std::uint64_t count_ = 0;
};

/// The largest absolute value, as a network gets it.
double reach(const PixelFacts& facts) {
  return std::max(std::abs(facts.smallest), std::abs(facts.largest)) * std::abs(facts.rescale);
}

double root_mean_square(const PixelFacts& facts) {
  return std::hypot(facts.mean, facts.deviation) * std::abs(facts.rescale);
}

bool goes_below_zero(const PixelFacts& facts) { return facts.smallest < -kNegligible * facts.largest; }

}  // namespace

DataSignature signature_of(const SourceInfo& info, double rescale) {
  DataSignature signature;
  if (!info.numbered) signature.classes = info.classes;
  for (std::size_t k = 0; k < info.vectors.size(); ++k)
    signature.vectors.push_back(
        {info.vectors[k].name, k < info.columns.size() ? info.columns[k] : std::vector<std::string>{}});
  if (!info.value_names.empty()) signature.vectors.push_back({kFlatSamples, info.value_names});
  signature.form = info.form;
  signature.pixels = {.type = info.pixels, .rescale = rescale};
  return signature;
}

std::vector<std::string> value_names(const DataSignature& signature) {
  const auto found = std::ranges::find(signature.vectors, kFlatSamples, &VectorNames::vector);
  return found == signature.vectors.end() ? std::vector<std::string>{} : found->columns;
}

PixelFacts measure_pixels(SampleSource& source, double rescale) {
  const SourceInfo& info = source.info();
  PixelFacts facts{.type = info.pixels, .rescale = rescale};
  if (info.endless || info.samples == 0) return facts;
  FactsSum sum;
  std::vector<std::byte> pixels(static_cast<std::size_t>(info.shape.size()) * size_of(info.pixels));
  std::vector<float> vectors(static_cast<std::size_t>(total_length(info.vectors)));
  const std::uint64_t count = std::min(info.samples, kMeasuredImages);
  for (std::uint64_t i = 0; i < count; ++i) {  // one by one: images may be large
    const std::uint64_t number = count == 1 ? 0 : (info.samples - 1) * i / (count - 1);
    std::int32_t label = 0;
    source.read({&number, 1}, {.pixels = pixels, .labels = {&label, 1}, .vectors = vectors});
    if (info.pixels == PixelType::uint8)
      sum.add(std::span(reinterpret_cast<const std::uint8_t*>(pixels.data()), pixels.size()));
    else
      sum.add(std::span(reinterpret_cast<const float*>(pixels.data()), pixels.size() / sizeof(float)));
  }
  sum.write(facts);
  return facts;
}

PixelScale compare_pixels(const PixelFacts& trained, const PixelFacts& given) {
  if (!trained.measured || !given.measured) return PixelScale::same;
  const double far = reach(given) / reach(trained);
  const double usual = root_mean_square(given) / root_mean_square(trained);
  if (!(far > 0) || !(usual > 0) || !std::isfinite(far) || !std::isfinite(usual)) return PixelScale::same;
  if (far >= kOtherUnits && usual >= kOtherUnits) return PixelScale::other;
  if (far <= 1 / kOtherUnits && usual <= 1 / kOtherUnits)
    return trained.type != given.type || far <= 1 / kNoPicture ? PixelScale::other : PixelScale::doubtful;
  return goes_below_zero(trained) == goes_below_zero(given) ? PixelScale::same : PixelScale::doubtful;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) (text += name) += '\0';
  return text;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

}  // namespace annulus::io
