// Arena layout and order conversion.
#include "trainer/backend/cpu/parameter_store.hpp"

#include <algorithm>

#include "trainer/backend/cpu/primitives.hpp"

namespace annulus::trainer::cpu {
namespace {

std::size_t align(std::size_t elements) { return (elements + 15) / 16 * 16; }

/// Calls body(element in Keras' order, offset in the arena) for every element.
template <class Body>
void for_each_element(const OffsetTables& tables, Body&& body) {
  std::vector<std::size_t> index(tables.size(), 0);
  const std::vector<std::size_t>& last = tables.back();
  std::size_t element = 0;
  while (true) {
    std::size_t base = 0;
    for (std::size_t d = 0; d + 1 < tables.size(); ++d) base += tables[d][index[d]];
    for (const std::size_t offset : last) body(element++, base + offset);
    std::size_t d = tables.size() - 1;
    while (d > 0 && ++index[d - 1] == tables[d - 1].size()) index[--d] = 0;
    if (d == 0) return;
  }
}

}  // namespace

ParameterStore::ParameterStore(const Network& network, const dnnl::engine& engine)
    : network_(network), engine_(engine) {
  lay_out_statistics();
}

void ParameterStore::lay_out_statistics() {
  for (int layer = 0; layer < static_cast<int>(network_.layers.size()); ++layer) {
    const auto& parameters = network_.layers[static_cast<std::size_t>(layer)].parameters;
    for (int p = 0; p < static_cast<int>(parameters.size()); ++p) {
      const Parameter& parameter = parameters[static_cast<std::size_t>(p)];
      if (parameter.trainable) continue;
      const std::int64_t count = element_count(parameter.extents);
      layout_.statistics.push_back({layer, p, layout_.statistics_count, static_cast<std::size_t>(count)});
      averages_.push_back({layer, p, float_desc({count}, Tag::a), {}, {}, layout_.statistics_count});
      layout_.statistics_count += align(static_cast<std::size_t>(count));
    }
  }
  statistics_ = allocate_floats(layout_.statistics_count, "the moving averages");
  for (Entry& average : averages_)
    average.memory = dnnl::memory(average.desc, engine_, statistics_.get() + average.offset);
}

const ParameterStore::Entry* ParameterStore::entry(int layer, int parameter) const {
  for (const Entry& entry : entries_)
    if (entry.layer == layer && entry.parameter == parameter) return &entry;
  return nullptr;
}

Desc ParameterStore::define(int layer, int parameter, const Desc& preferred, OffsetTables offsets) {
  if (const Entry* known = entry(layer, parameter)) return known->desc;
  expect_contract(!frozen_, "the first program defines all parameters");
  entries_.push_back({layer, parameter, preferred, std::move(offsets),
                      dnnl::memory(preferred, engine_, DNNL_MEMORY_NONE), 0});
  return entries_.back().desc;
}

const Desc* ParameterStore::find(int layer, int parameter) const {
  const Entry* known = entry(layer, parameter);
  return known ? &known->desc : nullptr;
}

dnnl::memory ParameterStore::memory(int layer, int parameter) const {
  const Entry* known = entry(layer, parameter);
  expect_contract(known != nullptr, "a parameter is defined before it is used");
  return known->memory;
}

dnnl::memory ParameterStore::statistics_memory(int layer, int parameter) const {
  for (const Entry& average : averages_)
    if (average.layer == layer && average.parameter == parameter) return average.memory;
  throw std::logic_error("contract broken: this parameter is not a moving average");
}

std::size_t ParameterStore::offset(int layer, int parameter) const {
  for (const Entry& average : averages_)
    if (average.layer == layer && average.parameter == parameter) return average.offset;
  const Entry* known = entry(layer, parameter);
  expect_contract(known != nullptr && frozen_, "offsets are known once the store is frozen");
  return known->offset;
}

Desc ParameterStore::define_flat(int layer, const Desc& preferred) {
  const auto known = flat_.find(layer);
  expect_contract(known != flat_.end() || !frozen_,
                  "the first program defines all layouts");  // others only read
  const Desc& desc = known != flat_.end() ? known->second : flat_.emplace(layer, preferred).first->second;
  return with_samples(desc, extents(preferred)[0]);
}

void ParameterStore::freeze() {
  // Entries come in forward order; backward finishes layers in reverse, each with its own parameters in
  // order.
  std::vector<Entry> reversed;
  for (auto end = entries_.end(); end != entries_.begin();) {
    auto begin = end - 1;
    while (begin != entries_.begin() && (begin - 1)->layer == begin->layer) --begin;
    reversed.insert(reversed.end(), begin, end);
    end = begin;
  }
  entries_ = std::move(reversed);
  for (Entry& entry : entries_) {
    entry.offset = layout_.trainable_count;
    const std::size_t count = float_count(entry.desc);
    layout_.trainable.push_back({entry.layer, entry.parameter, entry.offset, count});
    layout_.trainable_count += align(count);
  }
  parameters_ = allocate_floats(layout_.trainable_count, "the parameters");
  for (Entry& entry : entries_) entry.memory.set_data_handle(parameters_.get() + entry.offset);
  frozen_ = true;
  find_gaps();
}

void ParameterStore::find_gaps() {
  gaps_.emplace_back(0, gradient_offset(layout_));
  std::size_t end = gradient_offset(layout_);
  for (const Segment& segment : layout_.trainable) {
    const std::size_t begin = gradient_offset(layout_) + segment.offset;
    if (begin > end) gaps_.emplace_back(end, begin);
    end = begin + segment.count;
  }
  if (gradient_elements(layout_) > end) gaps_.emplace_back(end, gradient_elements(layout_));
}

std::vector<float> ParameterStore::read(const Segment& segment, std::span<const float> arena) const {
  const float* source = arena.data() + segment.offset;
  const Entry* known = entry(segment.layer, segment.parameter);
  if (known == nullptr) return {source, source + segment.count};  // moving averages are in Keras' order
  const Layer& layer = network_.layers[static_cast<std::size_t>(segment.layer)];
  const Extents& extents = layer.parameters[static_cast<std::size_t>(segment.parameter)].extents;
  std::vector<float> values(static_cast<std::size_t>(element_count(extents)));
  for_each_element(known->offsets,
                   [&](std::size_t element, std::size_t offset) { values[element] = source[offset]; });
  return values;
}

void ParameterStore::write(const Segment& segment, std::span<const float> values,
                           std::span<float> arena) const {
  float* target = arena.data() + segment.offset;
  const Layer& layer = network_.layers[static_cast<std::size_t>(segment.layer)];
  const Parameter& parameter = layer.parameters[static_cast<std::size_t>(segment.parameter)];
  if (values.size() != static_cast<std::size_t>(element_count(parameter.extents)))
    throw RuntimeError("{} values given for {}/{}, which has {}. They belong to another network.",
                       values.size(), layer.name, parameter.name, element_count(parameter.extents));
  std::fill(target, target + segment.count, 0.0f);
  const Entry* known = entry(segment.layer, segment.parameter);
  if (known == nullptr) {
    std::copy(values.begin(), values.end(), target);
    return;
  }
  for_each_element(known->offsets,
                   [&](std::size_t element, std::size_t offset) { target[offset] = values[element]; });
}

}  // namespace annulus::trainer::cpu
