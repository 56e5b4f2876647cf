// annulus export: a trained model in a form that other programs take.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/files/atomic_file.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/commands/golden_samples.hpp"
#include "trainer/export/onnx_check.hpp"
#include "trainer/export/onnx_writer.hpp"
#include "trainer/run/environment.hpp"

namespace annulus::trainer {
namespace {

struct ExportOptions {
  ModelRequest model;
  std::string onnx;
  std::string input = "float32";
  std::string layout = "channels_last";
  std::int64_t batch = 0;
  bool replace = false;
};

TrainedNetwork trained_network(const ModelSource& source, const Replica& replica,
                               std::span<const float> weights, std::span<const float> statistics) {
  TrainedNetwork model{
      .network = replica.network(), .parameters = {}, .normalisation = source.config.normalisation};
  for (const Layer& layer : model.network.layers) {
    auto& values = model.parameters.emplace_back();
    for (const Parameter& parameter : layer.parameters) values.push_back(parameter.fixed);
  }
  const auto take = [&](const std::vector<Segment>& segments, std::span<const float> arena) {
    for (const Segment& segment : segments)
      model.parameters[static_cast<std::size_t>(segment.layer)][static_cast<std::size_t>(segment.parameter)] =
          replica.read(segment, arena);
  };
  take(replica.layout().trainable, weights);
  take(replica.layout().statistics, statistics);
  if (source.data) model.classes = source.data->classes;
  model.notes = {{"checkpoint", std::filesystem::path(source.checkpoint).filename().string()},
                 {"name", source.config.name}};
  return model;
}

/// Files that appear together, when all of them are complete.
class FileSet {
 public:
  explicit FileSet(io::Existing existing) : existing_(existing) {}
  /// @return where it lies until then
  const std::string& add(const std::string& path, const std::string& contents) {
    io::AtomicFile& target = *files_.emplace_back(std::make_unique<io::AtomicFile>(path, existing_));
    std::ofstream file(target.partial(), std::ios::binary);
    file << contents;
    file.close();
    if (!file) throw RuntimeError("{}: cannot be written. Is the disk full?", printable(path));
    return target.partial();
  }
  void commit() {
    for (const auto& file : files_) file->commit();
  }

 private:
  io::Existing existing_;
  std::vector<std::unique_ptr<io::AtomicFile>> files_;
};

std::string say(const OnnxVerdict& verdict, const GoldenSamples& golden) {
  if (!verdict.checked)
    return "not tried: Python's package onnxruntime is not installed (`pip install onnxruntime`, and ANNULUS_PYTHON "
           "names the Python that has it)";
  return fmt::format("tried in ONNX Runtime {} on {} samples of {}: probabilities differ by {:.1g} at most",
                     verdict.version, golden.samples, golden.of, verdict.largest);
}

OnnxOptions onnx_options(const ExportOptions& options, const ModelSource& source) {
  if (options.input == "uint8" && source.data && source.data->pixels.type != io::PixelType::uint8)
    throw UsageError(
        "the model was trained on float32 pixels: bytes cannot hold them. Leave --input-type at float32.");
  return {.input = options.input == "uint8" ? io::PixelType::uint8 : io::PixelType::float32,
          .layout = options.layout == "channels_first" ? io::PixelLayout::channels_first
                                                       : io::PixelLayout::channels_last,
          .batch = options.batch,
          .version = program_version()};
}

void write_onnx(const ExportOptions& options, const ModelSource& source, Replica& replica) {
  const OnnxOptions onnx = onnx_options(options, source);
  FileSet files(options.replace ? io::Existing::replace : io::Existing::refuse);
  const std::filesystem::path path = options.onnx;
  const std::string stem = (path.parent_path() / path.stem()).string();
  OnnxTrial trial;
  replica.download();
  trial.model = files.add(
      options.onnx,
      onnx_model(trained_network(source, replica, replica.parameters(), replica.statistics()), onnx));
  const GoldenSamples golden = make_golden_samples(source, replica, onnx.batch);
  const Network& network = replica.network();
  trial.inputs.emplace_back(network.image_name,
                            files.add(stem + ".input.npy", golden.image_array(onnx.input, onnx.layout)));
  for (std::size_t k = 0; k < network.vectors.size(); ++k)
    trial.inputs.emplace_back(
        network.vectors[k].name,
        files.add(stem + "." + network.vectors[k].name + ".npy", golden.vector_array(k)));
  trial.expected = files.add(stem + ".probabilities.npy", golden.answer_array());
  const char* python = std::getenv("ANNULUS_PYTHON");
  const OnnxVerdict verdict = try_onnx(trial, python == nullptr ? "python3" : python);
  files.commit();
  if (verdict.checked)
    log_info("{}: opset {}, {}", options.onnx, kOnnxOpset, say(verdict, golden));
  else
    log_warning("{}: opset {}, {}", options.onnx, kOnnxOpset, say(verdict, golden));
}

ExitCode export_model(const ExportOptions& options, Context& context) {
  if (context.mpi.group().size() > 1)
    throw UsageError("export is the work of one process. Start it without mpirun.");
  if (!options.onnx.ends_with(".onnx"))
    throw UsageError("--onnx {}: the name of the file must end in .onnx.", options.onnx);
  const ModelSource source = find_model(options.model, context.mpi);
  const auto replica = load_replica(source, context.mpi);
  write_onnx(options, source, *replica);
  return ExitCode::done;
}

}  // namespace

void add_export(Verb& app, Action& action) {
  auto options = std::make_shared<ExportOptions>();
  Verb* verb = app.add_subcommand("export", "A trained model as ONNX, tried before it is written");
  verb->add_option("run", options->model.source,
                   "Run directory, a checkpoint, or a config together with --checkpoint")
      ->required();
  verb->add_option("overrides", options->model.overrides, "key=value");
  verb->add_option("--onnx", options->onnx, "File to write, NAME.onnx")->required();
  verb->add_option("--input-type", options->input, "Type of the pixels that the model takes")
      ->one_of({"float32", "uint8"})
      ->capture_default_str();
  verb->add_option("--layout", options->layout, "(N, H, W, C), or (N, C, H, W)")
      ->one_of({"channels_last", "channels_first"})
      ->capture_default_str();
  verb->add_option("--batch", options->batch, "Samples of each call; 0 = any number")->capture_default_str();
  add_model_options(*verb, options->model);
  verb->add_flag("--replace", options->replace, "Overwrite existing files");
  verb->callback([options, &action] {
    action = [options](Context& context) { return export_model(*options, context); };
  });
}

}  // namespace annulus::trainer
