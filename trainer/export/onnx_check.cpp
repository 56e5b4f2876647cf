// A few lines of Python, as ONNX Runtime has no package for C++ in every distribution.
#include "trainer/export/onnx_check.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "io/files/child_program.hpp"

namespace annulus::trainer {
namespace {

constexpr int kNotInstalled = 3;

constexpr const char* kScript = R"(
import json, sys
try:
    import numpy, onnxruntime
except ImportError:
    sys.exit(3)
model, expected, *inputs = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feed = {name: numpy.load(file) for name, file in zip(inputs[::2], inputs[1::2])}
fixed = session.get_inputs()[0].shape[0]
count = len(next(iter(feed.values())))
step = fixed if isinstance(fixed, int) else count
outputs = [session.run(None, {name: values[first:first + step] for name, values in feed.items()})[0]
           for first in range(0, count - step + 1, step)]
outputs = numpy.concatenate(outputs)
difference = numpy.abs(outputs.astype("float64") - numpy.load(expected)[:len(outputs)])
print(json.dumps({"version": onnxruntime.__version__, "largest": float(difference.max()),
                  "row": int(difference.max(axis=1).argmax()), "finite": bool(numpy.isfinite(outputs).all())}))
)";

}  // namespace

OnnxVerdict try_onnx(const OnnxTrial& trial, const std::string& python) {
  std::vector<std::string> words{python, "-", trial.model, trial.expected};
  for (const auto& [name, file] : trial.inputs) words.insert(words.end(), {name, file});
  const std::optional<io::ChildResult> result = io::run_program(words, kScript);
  if (!result || result->exit_code == kNotInstalled) return {};
  if (result->exit_code != 0)
    throw RuntimeError("ONNX Runtime does not take the model, so it is not written. It says: {}",
                       result->messages);
  const nlohmann::json said = nlohmann::json::parse(result->output, nullptr, false);
  if (said.is_discarded())
    throw RuntimeError("{}: no answer about the model, only: {}{}", python, result->output, result->messages);
  const OnnxVerdict verdict{true, said["version"],
                            said["largest"].is_null() ? 1.0 : said["largest"].get<double>()};
  if (!said["finite"].get<bool>() || !(verdict.largest <= kOnnxTolerance))
    throw RuntimeError(
        "ONNX Runtime {} computes other probabilities than this program, by up to {:.2g} (sample {}), so the model is not written.",
        verdict.version, verdict.largest, said["row"].get<int>());
  return verdict;
}

}  // namespace annulus::trainer
