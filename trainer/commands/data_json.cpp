// See data_json.hpp.
#include "trainer/commands/data_json.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace annulus::trainer {
namespace {

using nlohmann::json;

json layout_json(const io::SplitSummary& split) {
  const io::LayoutCost& cost = split.layout;
  return {{"extents", split.stored.extents},
          {"type", io::to_string(split.stored.type)},
          {"chunk", split.stored.chunk},
          {"filters", split.stored.filters},
          {"stored_bytes", split.stored.stored_bytes},
          {"chunks", cost.chunks},
          {"chunks_per_image", cost.chunks_per_image},
          {"packed", cost.packed},
          {"streamed", cost.streamed},
          {"most_streamed", cost.most_streamed},
          {"single_rows", cost.single_rows}};
}

json split_json(const io::SplitSummary& split) {
  const SampleShape& shape = split.shape;
  json channels = json::array();
  for (const io::PixelStatistics& each : split.statistics)
    channels.push_back({{"mean", each.mean},
                        {"deviation", each.deviation},
                        {"smallest", each.smallest},
                        {"largest", each.largest}});
  json made{{"name", split.name},
            {"images", split.images},
            {"labels", split.labels},
            {"samples", split.samples},
            {"shape", shape.flat ? json{shape.channels} : json{shape.height, shape.width, shape.channels}},
            {"axes", word_of(split.axes)},
            {"pixels", split.pixels == io::PixelType::uint8 ? "uint8" : "float32"},
            {"pixel_bytes", split.pixel_bytes},
            {"label_counts", split.label_counts},
            {"label_run", split.label_run},
            {"layout", layout_json(split)},
            {"looked_at", split.looked_at},
            {"channels", channels}};
  if (!split.label_fault.empty()) made["label_fault"] = split.label_fault;
  if (!split.pixel_fault.empty()) made["pixel_fault"] = split.pixel_fault;
  return made;
}

json repeats_json(const io::Repeats& repeats) {
  json pairs = json::array();
  for (const io::EqualPair& pair : repeats.first)
    pairs.push_back({pair.row, pair.other_row, pair.label, pair.other_label});
  return {{"split", repeats.split},
          {"other", repeats.other},
          {"images", repeats.images},
          {"relabelled", repeats.relabelled},
          {"first", pairs}};
}

}  // namespace

std::string json_of(const io::DatasetSummary& summary, const std::optional<io::Duplicates>& duplicates) {
  json made{{"path", summary.path},       {"file_bytes", summary.file_bytes}, {"schema", summary.schema},
            {"classes", summary.classes}, {"splits", json::array()},          {"remarks", summary.remarks}};
  for (const io::SplitSummary& split : summary.splits) made["splits"].push_back(split_json(split));
  if (summary.found.train) {
    json data{{"path", summary.path}};
    for (const auto& [key, value] : summary.keys)
      data[key] = key == "first_label" ? json(std::stoll(value)) : json(value);
    made["config"] = {{"data", data}};
  }
  if (const std::string reason = io::reason_to_repack(summary); !reason.empty()) made["repack"] = reason;
  if (duplicates) {
    made["duplicates"] = json::array();
    for (const io::Repeats& repeats : duplicates->repeats)
      made["duplicates"].push_back(repeats_json(repeats));
  }
  // Bytes that are no UTF-8 become U+FFFD: no name makes this fail.
  return made.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace annulus::trainer
