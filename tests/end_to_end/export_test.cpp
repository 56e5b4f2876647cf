// A trained model leaves the program.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// A Python that answers so, whatever it is asked.
void write_python(const Workplace& place, const std::string& name, const std::string& lines) {
  std::ofstream(place.path(name)) << "#!/bin/sh\ncat >/dev/null\n" << lines << "\n";
  fs::permissions(place.path(name), fs::perms::owner_all);
}

TEST(Export, PublishesWhatOnnxRuntimeComputesAlikeAndNothingElse) {
  const Workplace place(24);
  ASSERT_EQ(place.run(place.training("run", {"epochs=1"})).code, 0);
  write_python(place, "none", "exit 3");
  write_python(place, "alike", R"(echo '{"version": "9.8", "largest": 2e-7, "row": 0, "finite": true}')");
  write_python(place, "other", R"(echo '{"version": "9.8", "largest": 2e-3, "row": 5, "finite": true}')");
  write_python(place, "refuses", "echo 'Fatal: no such operator' >&2; exit 1");
  const auto exported = [&](const std::string& python, const std::string& words) {
    return place.shell("ANNULUS_PYTHON=$PWD/" + python + " \"$ANNULUS\" export run --onnx " + words);
  };

  const Outcome other = exported("other", "m.onnx");
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.output, AllOf(HasSubstr("other probabilities"), HasSubstr("0.002 (sample 5)")));
  const Outcome refused = exported("refuses", "m.onnx");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("It says: Fatal: no such operator"));
  for (const char* name : {"m.onnx", "m.input.npy", "m.probabilities.npy"})
    EXPECT_FALSE(fs::exists(place.path(name))) << name;
  EXPECT_THAT(place.unfinished(), IsEmpty());

  const Outcome alike = exported("alike", "m.onnx --input-type uint8 --layout channels_first");
  EXPECT_EQ(alike.code, 0) << alike.output;
  EXPECT_THAT(alike.output, HasSubstr("tried in ONNX Runtime 9.8 on 8 samples of data.h5:test"));
  EXPECT_EQ(fs::file_size(place.path("m.input.npy")), 128U + 8U * 32 * 32 * 3);
  EXPECT_EQ(fs::file_size(place.path("m.probabilities.npy")), 128U + 8U * 10 * 4);

  EXPECT_THAT(exported("alike", "m.onnx").output, HasSubstr("exists already"));
  const Outcome untried = exported("none", "n.onnx");
  EXPECT_EQ(untried.code, 0);
  EXPECT_THAT(untried.output, HasSubstr("onnxruntime is not installed"));
  EXPECT_EQ(exported("none", "model.pb").code, 2);
}

}  // namespace
}  // namespace annulus::test
