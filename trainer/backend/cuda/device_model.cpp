// Programs by size, and the memory that they take turns in.
#include "trainer/backend/cuda/device_model.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "trainer/backend/cuda/program.hpp"

namespace annulus::trainer::cuda {
namespace {

comm::DeviceBuffer<float> on_device(const std::vector<float>& values) {
  if (values.empty()) return {};
  comm::DeviceBuffer<float> buffer(values.size(), "class weights");
  ANNULUS_CHECK_CUDA(cudaMemcpy(buffer.get(), values.data(), buffer.bytes(), cudaMemcpyHostToDevice));
  ANNULUS_CHECK_CUDA(cudaDeviceSynchronize());  // other streams do not wait for the default one
  return buffer;
}

CompileOptions checked_options(const Network& network, CompileOptions options) {
  check_class_weights(options.loss, network.classes());
  if (options.predict_samples == 0) options.predict_samples = options.shard_samples;
  return options;
}

}  // namespace

struct DeviceModel::State {
  State(const Network& described, const CompileOptions& given, Precision precision)
      : network(described),
        options(checked_options(network, given)),
        libraries(precision),
        store(network, libraries.element()),
        class_weights(on_device(options.loss.class_weights)) {}

  /// The program of a shape, compiled when it is first needed.
  Program& program(ProgramShape shape);
  std::unique_ptr<Program> compile(ProgramShape shape);
  std::byte* block_of(std::size_t bytes, ProgramShape shape);

  Network network;
  CompileOptions options;
  Libraries libraries;
  ParameterStore store;
  comm::DeviceBuffer<float> class_weights;
  ProgramEnvironment environment{network,
                                 options,
                                 libraries,
                                 store,
                                 {options.loss.label_smoothing, class_weights.get(), options.loss.top_k}};
  // Neither is ever given back before the end: captured graphs hold addresses.
  std::vector<comm::DeviceBuffer<std::byte>> blocks;
  std::vector<std::unique_ptr<Program>> programs;
};

Program& DeviceModel::State::program(ProgramShape shape) {
  for (const std::unique_ptr<Program>& known : programs)
    if (known->shape().samples == shape.samples && known->shape().mode == shape.mode) return *known;
  return *programs.emplace_back(compile(shape));
}

std::unique_ptr<Program> DeviceModel::State::compile(ProgramShape shape) {
  auto program = std::make_unique<Program>(environment, shape);
  program->place(block_of(program->block_bytes(), shape));
  return program;
}

/// One of the blocks if it is large enough, else a new one.
std::byte* DeviceModel::State::block_of(std::size_t bytes, ProgramShape shape) {
  for (const comm::DeviceBuffer<std::byte>& block : blocks)
    if (block.size() >= bytes) return block.get();
  blocks.emplace_back(std::max<std::size_t>(bytes, 1),
                      fmt::format("activations of a shard of {} samples", shape.samples));
  return blocks.back().get();
}

DeviceModel::DeviceModel(const Network& network, const CompileOptions& options, Precision precision)
    : state_(std::make_unique<State>(network, options, precision)) {
  prepare_train(state_->options.shard_samples);
}

DeviceModel::~DeviceModel() = default;

const Network& DeviceModel::network() const { return state_->network; }
const CompileOptions& DeviceModel::options() const { return state_->options; }

void DeviceModel::set_checks(ValueChecks checks) { state_->options.check_values = checks == ValueChecks::on; }
Precision DeviceModel::precision() const { return state_->libraries.precision(); }
const ArenaLayout& DeviceModel::layout() const { return state_->store.layout(); }
float* DeviceModel::parameters() { return state_->store.parameters(); }
float* DeviceModel::statistics() { return state_->store.statistics(); }

void DeviceModel::compile_smaller(std::int64_t samples) {
  expect_contract(samples >= 1 && samples <= state_->options.shard_samples, "a smaller shard");
  state_->programs.clear();
  state_->blocks.clear();
  state_->libraries.free_scratch();
  state_->options.shard_samples = samples;
  state_->options.predict_samples = std::min(state_->options.predict_samples, samples);
  prepare_train(samples);
  prepare_predict(state_->options.predict_samples);
}

void DeviceModel::parameters_changed(cudaStream_t stream) { state_->store.refresh(stream); }

void DeviceModel::prepare_train(std::int64_t samples) {
  expect_contract(samples <= state_->options.shard_samples, "a shard has at most shard_samples samples");
  if (samples > 0) state_->program({samples, Mode::training});
}

void DeviceModel::prepare_predict(std::int64_t samples) {
  expect_contract(samples <= state_->options.predict_samples, "a block has at most predict_samples images");
  if (samples > 0) state_->program({samples, Mode::inference});
}

void DeviceModel::train(const DeviceShard& shard, float* gradients, cudaStream_t stream, const Ready& ready) {
  expect_contract(shard.size <= state_->options.shard_samples, "a shard has at most shard_samples samples");
  if (shard.size == 0) {
    const std::size_t count = gradient_elements(layout());
    comm::fill_zero(gradients, count, stream);
    state_->store.enqueue_leftovers(gradients, shard.scalars, stream);
    ready(count);
    return;
  }
  state_->program({shard.size, Mode::training}).train(shard, gradients, stream, ready);
}

void DeviceModel::predict(const DevicePrediction& prediction, cudaStream_t stream) {
  expect_contract(prediction.size <= state_->options.predict_samples,
                  "a block has at most predict_samples images");
  if (prediction.size == 0) return;
  state_->program({prediction.size, Mode::inference}).predict(prediction, stream);
}

std::vector<float> DeviceModel::read(const Segment& segment, std::span<const float> arena) const {
  return state_->store.read(segment, arena);
}

void DeviceModel::write(const Segment& segment, std::span<const float> values, std::span<float> arena) const {
  state_->store.write(segment, values, arena);
}

std::size_t DeviceModel::activation_bytes() const {
  std::size_t bytes = 0;
  for (const comm::DeviceBuffer<std::byte>& block : state_->blocks) bytes += block.bytes();
  return bytes;
}

const KernelAccount& DeviceModel::account() const {
  return state_->program({state_->options.shard_samples, Mode::training}).account();
}

std::string DeviceModel::describe() const {
  return fmt::format("{}, {}", library_versions(), word_of(precision()));
}

}  // namespace annulus::trainer::cuda
