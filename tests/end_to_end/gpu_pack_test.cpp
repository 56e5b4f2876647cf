// bench/gpu/pack.sh and what it puts into its archive, without CUDA: which libraries travel, which stay the
// machine's, and that the archive works from a folder of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/end_to_end/played.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// Only Open MPI 4 can be packed so far.
bool knows_not(const Outcome& packed) {
  return packed.output.find("only Open MPI 4 is known here") != std::string::npos;
}

const std::string kBench = source_dir() + "/bench/gpu/";

class GpuPack : public testing::Test {
 protected:
  /// A build folder with this program and `true` for the tests on a GPU.
  void build(const std::string& native, const std::string& architectures) const {
    write_file(
        place_.path("build/CMakeCache.txt"),
        "WITH_NATIVE_ARCH:BOOL=" + native + "\nCMAKE_CUDA_ARCHITECTURES:STRING=" + architectures + "\n");
    place_.shell(
        "mkdir build/bin build/tests && cp $ANNULUS build/bin && cp /bin/true build/tests/kernels_gpu_test");
  }
  Outcome pack(const std::string& environment = {}) const {
    return place_.shell("BUILD=build COMPRESS='gzip -1' IMAGES=40 " + environment + " " + kBench +
                        "pack.sh pack.tar.gz");
  }
  /// run_carried.sh as in an archive, with libraries that are played: the folders that it gives the linker.
  std::string folders(const std::string& environment = {}) const {
    return place_
        .shell("mkdir -p pack && cp " + kBench + "run_carried.sh pack/run && PATH=\"$PWD/path:$PATH\" " +
               environment + " pack/run sh -c 'echo \"folders $LD_LIBRARY_PATH\"'")
        .output;
  }

  const Workplace place_{3};
};

TEST_F(GpuPack, TheClosureLeavesTheCLibraryAndNvidiasOut) {
  play_lines(
      place_.path("path/ldd"),
      "cat <<'END'\n\tlinux-vdso.so.1 (0x7ffd)\n\tlibmpi.so.40 => /usr/lib/libmpi.so.40 (0x7f0)\n"
      "\tlibcudnn.so.9 => not found\n\tlibcudart.so.13 => /usr/local/cuda/lib64/libcudart.so.13 (0x7f0)\n"
      "\tlibcurl.so.4 => /lib/libcurl.so.4 (0x7f0)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f0)\n"
      "\tlibm.so.6 => /lib/libm.so.6 (0x7f0)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f0)\nEND");

  const Outcome outcome = place_.shell("PATH=\"$PWD/path:$PATH\" " + kBench + "closure.sh one two");

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.output, "/lib/libcurl.so.4\n/usr/lib/libmpi.so.40\n");
}

TEST_F(GpuPack, ALibraryThatIsNowhereIsNamedWithWhoWantsIt) {
  play_lines(place_.path("path/ldd"), "echo '\tlibhdf5.so.103 => not found'");

  const Outcome outcome = place_.shell("PATH=\"$PWD/path:$PATH\" " + kBench + "closure.sh bin/annulus");

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("bin/annulus needs libhdf5.so.103, which is not found here"));
}

TEST_F(GpuPack, TheArchiveHoldsWhatItNeedsAndTrainsFromItsOwnFolder) {
  build("OFF", "90-real");

  const Outcome packed = pack();
  if (knows_not(packed)) GTEST_SKIP() << packed.output;
  const Outcome checked = place_.shell(kBench + "check_pack.sh pack.tar.gz");
  const Outcome trained = place_.shell(
      "tar -xf pack.tar.gz && cd annulus-gpu && ./run mpirun -n 2 --bind-to none --oversubscribe bin/annulus train "
      "configs/smoke.yaml batch.size=8 --run trained");

  EXPECT_EQ(packed.code, 0) << packed.output;
  EXPECT_THAT(packed.output,
              AllOf(HasSubstr("GPU architecture: 90-real"), ContainsRegex("C library: GLIBC_2.[0-9]+")));
  EXPECT_EQ(checked.code, 0) << checked.output;
  EXPECT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(trained.output, AllOf(HasSubstr("2 rank(s)"), HasSubstr("Done: 5 steps")));
  for (const char* file : {"tests/kernels_gpu_test", "bench/gpu/short_run.sh", "bench/peers/compare.py",
                           "configs/vgg16.yaml", "lib/gcc/libstdc++.so.6", "openmpi/bin/orted"})
    EXPECT_TRUE(std::filesystem::exists(place_.path("annulus-gpu") / file)) << file;

  const Outcome lacking =
      place_.shell("rm annulus-gpu/lib/libdnnl.so* && tar -cf lacking.tar annulus-gpu && " + kBench +
                   "check_pack.sh lacking.tar");
  EXPECT_EQ(lacking.code, 1);
  EXPECT_THAT(lacking.output, HasSubstr("FAILURE  tables: nothing brings libdnnl.so"));
}

TEST_F(GpuPack, RealImagesAreTheFirstOfTheArchiveThatIsNamed) {
  build("OFF", "90-real");
  place_.shell(
      "mkdir cifar && for i in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do "
      "head -c 61460 /dev/zero >cifar/$i.bin; done && tar -czf cifar.tar.gz cifar && rm cifar/test_batch.bin && "
      "head -c -40 cifar.tar.gz >cut.tar.gz");

  const Outcome incomplete = pack("DATASET=cifar");
  const Outcome cut = pack("DATASET=cut.tar.gz");
  const Outcome large = pack("DATASET=cifar.tar.gz LIMIT_MB=1");
  const Outcome info =
      place_.shell("tar -xf pack.tar.gz && annulus-gpu/run $ANNULUS data info annulus-gpu/data/cifar10.h5");

  EXPECT_EQ(incomplete.code, 1);
  EXPECT_THAT(incomplete.output, ContainsRegex("cifar brings no test_batch.bin"));
  EXPECT_EQ(cut.code, 1);
  EXPECT_THAT(cut.output, ContainsRegex("cut.tar.gz brings no whole data_batch_1.bin"));
  if (knows_not(large)) GTEST_SKIP() << large.output;
  EXPECT_EQ(large.code, 1) << "an archive that is too large names its largest parts";
  EXPECT_THAT(large.output, AllOf(HasSubstr("libdnnl"), HasSubstr("larger than 1 MB")));
  EXPECT_THAT(info.output, AllOf(HasSubstr("train: 40 images of 32 x 32 x 3"), HasSubstr("test: 8 images")));
}

TEST_F(GpuPack, ABuildForThisProcessorOrForManyGpusIsRefused) {
  build("ON", "90-real");
  const Outcome native = pack();
  std::filesystem::remove_all(place_.path("build"));
  build("OFF", "80-real;90-real");
  const Outcome many = pack();

  EXPECT_EQ(native.code, 1);
  EXPECT_THAT(native.output, HasSubstr("-DWITH_NATIVE_ARCH=OFF"));
  EXPECT_EQ(many.code, 1);
  EXPECT_THAT(many.output, HasSubstr("several GPU architectures (80-real;90-real)"));
  EXPECT_FALSE(std::filesystem::exists(place_.path("pack.tar.gz")));
}

TEST_F(GpuPack, ADryRunPrintsHowItWouldBuild) {
  const Outcome outcome = place_.shell("JOBS=3 " + kBench + "pack.sh --dry-run pack.tar.gz");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("'-DWITH_NATIVE_ARCH=OFF'"), HasSubstr("'--parallel' '3'"),
                                    HasSubstr("'gpu_programs'")));
}

TEST_F(GpuPack, TheNewerOneOfTheCompilersRuntimesIsTaken) {
  write_file(place_.path("pack/lib/gcc/libstdc++.so.6"), "GLIBCXX_3.4.9 GLIBCXX_3.4.30");
  play_lines(place_.path("path/ldconfig"), "echo \"\tlibstdc++.so.6 (libc6,x86-64) => $THEIRS\"");
  write_file(place_.path("older"), "GLIBCXX_3.4.29");
  write_file(place_.path("newer"), "GLIBCXX_3.4.33");

  EXPECT_THAT(folders("THEIRS=older"), ContainsRegex("folders [^:]*/pack/lib/gcc:[^:]*/pack/lib"));
  EXPECT_THAT(folders("THEIRS=newer"), Not(HasSubstr("lib/gcc")));
  EXPECT_THAT(folders("THEIRS="), HasSubstr("lib/gcc")) << "a machine without any";
}

TEST_F(GpuPack, CudaIsTakenFromWhereItIsNamedElseFound) {
  write_file(place_.path("pack/lib/nvidia.txt"), "libplayed.so.7\nlibknown.so.1\n");
  const std::string wheels = place_.path("wheels/nvidia/cu13/lib").string();
  write_file(wheels + "/libplayed.so.7", "");
  write_file(wheels + "/libknown.so.1", "");
  play_lines(place_.path("path/ldconfig"), "echo \"\tlibknown.so.1 (libc6,x86-64) => /lib/libknown.so.1\"");
  play_lines(place_.path("path/python3"), "echo /nowhere; echo " + wheels);

  write_file(place_.path("mine/libplayed.so.7"), "");

  EXPECT_THAT(folders(), HasSubstr("/pack/lib:" + wheels + "\n"));
  EXPECT_THAT(folders("ANNULUS_CUDA_LIBRARIES=$PWD/mine"),
              AllOf(HasSubstr("/mine\n"), Not(HasSubstr("wheels"))));
  EXPECT_THAT(folders("ANNULUS_CUDA_LIBRARIES=python"), HasSubstr("/pack/lib:/nowhere:" + wheels + "\n"));
  EXPECT_THAT(folders("ANNULUS_CUDA_LIBRARIES=/elsewhere"),
              HasSubstr("/pack/lib:/elsewhere:" + wheels + "\n"));
}

}  // namespace
}  // namespace annulus::test
