// Keys of layers; their ranges are checked again, with shapes, by the network builder.
#include "trainer/model/layer_fields.hpp"

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using Ends = Limits::Ends;

constexpr Limits kCount{1, NetworkLimits::kChannels};
constexpr Limits kSide{1, NetworkLimits::kKernelSide};

struct LayerType {
  std::string name;
  std::string short_key;
  Operation operation;
};

const std::vector<LayerType>& table() {
  static const std::vector<LayerType> types{
      {"conv2d", "filters", Conv2d{.kernel = {0, 0}}},
      {"max_pool", "size", Pool2d{.kind = PoolKind::max}},
      {"average_pool", "size", Pool2d{.kind = PoolKind::average}},
      {"global_max_pool", "", GlobalPool{PoolKind::max}},
      {"global_average_pool", "", GlobalPool{PoolKind::average}},
      {"dense", "units", Dense{}},
      {"flatten", "", Flatten{}},
      {"batch_norm", "", BatchNorm{}},
      {"lrn", "size", LocalResponseNorm{}},
      {"dropout", "rate", Dropout{}},
      {"relu", "", Activate{Activation::relu}},
      {"sigmoid", "", Activate{Activation::sigmoid}},
      {"tanh", "", Activate{Activation::tanh}},
      {"softmax", "", Activate{Activation::softmax}},
      {"add", "", Add{}},
      {"concat", "", Concat{}},
      {"circular_pad", "", CircularPad{}},
  };
  return types;
}

const LayerType& entry_of(const std::string& type) {
  for (const LayerType& entry : table()) {
    if (entry.name == type) return entry;
  }
  throw RuntimeError("layer type {} is not in the table of types", type);
}

struct Describe {
  Fields& fields;
  LayerOptions& options;

  void operator()(Conv2d& conv) const {
    fields.integer("filters", conv.filters, kCount);
    fields.size("kernel", conv.kernel, kSide);
    fields.size("stride", conv.stride, kSide);
    fields.padding("padding", conv.padding, options.padding);
    fields.size("dilation", conv.dilation, kSide);
    fields.integer("groups", conv.groups, kCount);
    fields.choice("activation", options.activation);
    fields.flag("bias", conv.bias);
    fields.choice("initializer", conv.initializer);
  }
  void operator()(Pool2d& pool) const {
    fields.size("size", pool.size, kSide);
    if (fields.reading()) pool.stride = pool.size;  // windows side by side, as Keras' default
    fields.size("stride", pool.stride, kSide);
    fields.padding("padding", pool.padding, options.padding);
  }
  void operator()(Dense& dense) const {
    fields.integer("units", dense.units, kCount);
    fields.choice("activation", options.activation);
    fields.flag("bias", dense.bias);
    fields.choice("initializer", dense.initializer);
  }
  void operator()(BatchNorm& norm) const {
    fields.number("momentum", norm.momentum, {0, 1});
    fields.number("epsilon", norm.epsilon, {0, 1, Ends::low_open});
  }
  void operator()(LocalResponseNorm& norm) const {
    fields.integer("size", norm.size, kCount);
    fields.number("alpha", norm.alpha, {0, 1e6});
    fields.number("beta", norm.beta, {0, 1e3, Ends::low_open});
    fields.number("k", norm.k, {0, 1e6, Ends::low_open});
  }
  void operator()(Dropout& dropout) const { fields.number("rate", dropout.rate, {0, 1, Ends::high_open}); }
  void operator()(GlobalPool&) const {}
  void operator()(Flatten&) const {}
  void operator()(Activate&) const {}
  void operator()(Add&) const {}
  void operator()(Concat&) const {}
  void operator()(CircularPad& pad) const {
    fields.integer("height", pad.height, {0, NetworkLimits::kImageSide});
    fields.integer("width", pad.width, {0, NetworkLimits::kImageSide});
  }
};

}  // namespace

const std::vector<std::string>& layer_types() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const LayerType& entry : table()) list.push_back(entry.name);
    return list;
  }();
  return names;
}

Operation default_operation(const std::string& type) { return entry_of(type).operation; }
std::string short_key(const std::string& type) { return entry_of(type).short_key; }

void describe(Fields& fields, LayerDraft& draft) {
  fields.text("name", draft.options.name);
  std::visit(Describe{fields, draft.options}, draft.operation);
  fields.inputs(draft.options.inputs);
}

}  // namespace annulus::trainer
