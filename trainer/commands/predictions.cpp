// Predictions as HDF5, and what all forms share.
#include "trainer/commands/predictions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <type_traits>

#include "base/error.hpp"
#include "io/dataset/writer.hpp"
#include "io/files/atomic_file.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "trainer/data_files.hpp"

namespace annulus::trainer {
namespace {

class Hdf5Predictions final : public Predictions {
 public:
  explicit Hdf5Predictions(const PredictionContext& context)
      : context_(context),
        target_(context.task.output, context.task.existing),
        file_(io::Hdf5File::create(target_.partial(), io::Existing::replace)),
        samples_(static_cast<std::int64_t>(context.data.samples)) {
    file_->create_dataset("probabilities", io::ElementType::float32,
                          {samples_, static_cast<std::int64_t>(context.classes)});
    file_->create_dataset("predictions", io::ElementType::int32, {samples_});
    if (context.task.labelled) file_->create_dataset("labels", io::ElementType::int32, {samples_});
  }

  void append(std::span<const float> probabilities, std::span<const std::int32_t> labels) override {
    const std::size_t classes = context_.classes;
    std::vector<std::int32_t> predictions;
    for (std::size_t i = 0; i < labels.size(); ++i)
      predictions.push_back(
          static_cast<std::int32_t>(likeliest_class(probabilities.subspan(i * classes, classes))));
    file_->dataset("probabilities").write_rows(next_, labels.size(), probabilities);
    file_->dataset("predictions")
        .write_rows(next_, labels.size(), std::span<const std::int32_t>(predictions));
    if (context_.task.labelled) file_->dataset("labels").write_rows(next_, labels.size(), labels);
    next_ += labels.size();
  }

  void finish() override {
    if (!context_.task.columns.empty()) carry_over();
    if (!context_.task.pictures.empty()) file_->write_texts("names", context_.task.pictures);
    file_->set_attribute("/", "schema", "annulus-predictions-1");
    if (const std::vector<std::string> names = context_.names(); !names.empty())
      io::set_class_names(*file_, names);
    const auto whole_path = [](const std::string& path) {
      return std::filesystem::weakly_canonical(path).string();
    };
    file_->set_attribute("/", "input", context_.data.name);
    if (context_.task.pictures.empty()) {
      file_->set_attribute("/", "dataset", whole_path(files_text(context_.model.config.data)));
      file_->set_attribute("/", "split", context_.task.split);
    }
    file_->set_attribute("/", "checkpoint", whole_path(context_.model.checkpoint));
    file_->close();
    target_.commit();
  }

 private:
  /// Copies what says which sample a row is, where the images have it: without it nobody could look the rows
  /// up in other columns of the file. Of a part of a group also the row of each sample in it.
  void carry_over() {
    const std::string& group = context_.task.columns;
    carry_over<std::uint64_t>(group + "/track", "track");
    carry_over<float>(group + "/momentum", "momentum");
    const io::RowSet* const rows = context_.data.rows.get();
    if (rows == nullptr) return;
    std::vector<std::uint64_t> numbers(rows->size());
    for (std::uint64_t i = 0; i < rows->size(); ++i) numbers[i] = rows->row(i);
    file_->write("rows", {samples_}, std::span<const std::uint64_t>(numbers));
    file_->set_attribute("rows", "group", group);
  }

  /// One file that lacks such a column ends it.
  template <class Value>
  void carry_over(const std::string& from, const std::string& to) {
    const std::vector<std::string>& files = context_.task.files;
    const io::RowSet* const chosen = context_.data.rows.get();
    const std::uint64_t rows = chosen ? chosen->whole() : context_.data.samples;
    std::vector<Value> values;
    io::SharedReader reader;
    for (const std::string& path : files) {
      const io::Hdf5File images = files.size() == 1 ? io::Hdf5File::open(path) : reader.open(path);
      if (files.size() > 1 && !images.exists(context_.task.columns)) continue;  // passed over
      if (!append_column(images, from, files.size() == 1 ? rows : 0, values)) return;
    }
    if (values.size() < rows)
      throw DataError("{}, {}: is not one value for each of {} images. Make the file again.", files.front(),
                      from, rows);
    for (std::uint64_t i = 0; chosen != nullptr && i < chosen->size(); ++i)
      values[i] = values[chosen->row(i)];
    values.resize(context_.data.samples);
    file_->write(to, {samples_}, std::span<const Value>(values));
  }

  /// @param rows  to be read; 0: all   @return false for no such column, or something else that is called so
  template <class Value>
  static bool append_column(const io::Hdf5File& images, const std::string& from, std::uint64_t rows,
                            std::vector<Value>& values) {
    if (!images.exists(from)) return false;
    const io::Hdf5Dataset source = images.dataset(from);
    const io::StoredType& type = source.info().type;
    const auto kind =
        std::is_floating_point_v<Value> ? io::StoredType::Kind::real : io::StoredType::Kind::unsigned_integer;
    const bool column = source.info().extents.size() == 1 && type.kind == kind && type.bytes == sizeof(Value);
    if (!column) return false;
    const std::uint64_t there = rows == 0 ? source.info().rows() : std::min(rows, source.info().rows());
    const std::size_t before = values.size();
    values.resize(before + there);
    source.read_rows(0, there, std::span<Value>(values).subspan(before));
    return true;
  }

  PredictionContext context_;
  io::AtomicFile target_;
  std::optional<io::Hdf5File> file_;
  std::int64_t samples_;
  std::uint64_t next_ = 0;
};

}  // namespace

std::vector<std::string> PredictionContext::names() const {
  if (!model.data || model.data->classes.empty()) return {};
  std::vector<std::string> names = data.classes;
  for (std::size_t k = names.size(); k < classes; ++k) names.push_back(fmt::format("output {}", k));
  return names;
}

std::size_t likeliest_class(std::span<const float> probabilities) {
  return static_cast<std::size_t>(std::max_element(probabilities.begin(), probabilities.end()) -
                                  probabilities.begin());
}

std::unique_ptr<Predictions> make_hdf5_predictions(const PredictionContext& context) {
  return std::make_unique<Hdf5Predictions>(context);
}

std::unique_ptr<Predictions> make_predictions(const PredictionTask& task, const ModelSource& model,
                                              const io::SourceInfo& data, std::int64_t classes) {
  const PredictionContext context{task, model, data, static_cast<std::size_t>(classes)};
  const std::string ending = std::filesystem::path(task.output).extension().string();
  if (ending == ".csv") return make_csv_predictions(context);
  if (ending == ".txt" || task.output.empty()) return make_text_predictions(context);
  return make_hdf5_predictions(context);
}

}  // namespace annulus::trainer
