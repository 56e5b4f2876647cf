// Tensors of a program.
#include "trainer/backend/cuda/steps/step.hpp"

#include <limits>

#include "base/error.hpp"

namespace annulus::trainer::cuda {

BufferId Compiler::use(BufferId buffer, Pass pass) {
  if (buffer != kInputBuffer) plan_.use(buffer, pass);
  return buffer;
}

void Compiler::expect_countable(const std::string& name, const SampleShape& shape) const {
  const std::int64_t values = shape_.samples * shape.size();
  if (values <= std::numeric_limits<std::int32_t>::max()) return;
  throw UsageError(
      "{}: a shard of {} samples has {} values here, but kernels count to 2^31 - 1. Raise batch.shards, so that a shard has fewer samples.",
      name, shape_.samples, values);
}

Value Compiler::tensor(const std::string& name, const SampleShape& shape, Element element) {
  expect_countable(name, shape);
  Value value{.shape = shape, .element = element};
  value.data = use(plan_.buffer(bytes(value)), Pass::forward);
  return value;
}

Value Compiler::output(const LayerRef& ref, Element element, Gradient gradient) {
  Value value = tensor("layer " + ref.layer.name, ref.layer.output, element);
  if (training() && gradient == Gradient::yes) value.gradient = use(gradient_like(value), Pass::backward);
  return value;
}

Value Compiler::converted_input(const std::string& name, const SampleShape& shape) {
  return tensor(name, shape, element());
}

/// Gradients have the element type of activations even where the value itself is float32 (logits).
BufferId Compiler::gradient_like(const Value& value) {
  return plan_.buffer(static_cast<std::size_t>(count(value) * bytes_of(element())));
}

}  // namespace annulus::trainer::cuda
