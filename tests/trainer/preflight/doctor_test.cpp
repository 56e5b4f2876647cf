// What `annulus doctor` says to facts that one machine does not offer, and that its trials of a directory see
// trouble.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cstring>

#include "comm/ranks/process_group.hpp"
#include "tests/support/refused_calls.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/preflight/directory.hpp"
#include "trainer/preflight/judgements.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

auto warns(const std::string& text) {
  return AllOf(Field(&Finding::grade, Grade::warning), Field(&Finding::text, HasSubstr(text)));
}
auto fails(const std::string& text) {
  return AllOf(Field(&Finding::grade, Grade::failure), Field(&Finding::text, HasSubstr(text)));
}
const auto kIsGood = Field(&Finding::grade, Grade::good);

struct Cores {
  std::size_t first;
  std::size_t count;
};

RankFacts rank_on(const char* host, Cores cores, std::int32_t threads, std::int32_t node_ranks = 2) {
  RankFacts facts;
  std::strcpy(facts.host, host);
  facts.node_ranks = node_ranks;
  facts.cores = 8;
  facts.threads = threads;
  for (std::size_t core = cores.first; core < cores.first + cores.count; ++core)
    facts.mask[core / 64] |= std::uint64_t{1} << (core % 64);
  facts.available_memory = facts.total_memory = std::uint64_t{16} << 30;
  facts.shared_free = std::uint64_t{8} << 30;
  return facts;
}

TEST(DoctorBinding, RanksWithCoresOfTheirOwnAreFine) {
  const std::vector<RankFacts> apart{rank_on("a", {0, 4}, 4), rank_on("a", {4, 4}, 4)};
  const std::vector<RankFacts> together{rank_on("a", {0, 8}, 4), rank_on("a", {0, 8}, 4)};  // --bind-to none

  EXPECT_THAT(judge_binding(apart), Each(kIsGood));
  EXPECT_THAT(judge_binding(together), Each(kIsGood));
  EXPECT_EQ(core_list(rank_on("a", {60, 8}, 1)), "60-67");
}

TEST(DoctorBinding, ATrainingSaysTheWarningsOnly) {
  const std::vector<RankFacts> apart{rank_on("a", {0, 4}, 4), rank_on("a", {4, 4}, 4)};
  const std::vector<RankFacts> crowd{rank_on("a", {0, 2}, 2), rank_on("a", {0, 2}, 2)};
  const std::vector<RankFacts> bound(20, rank_on("a", {3, 1}, 1));

  EXPECT_THAT(binding_warnings(apart), testing::IsEmpty());
  EXPECT_THAT(binding_warnings(crowd),
              ElementsAre(HasSubstr("ranks 0, 1 on a run 4 worker threads on 2 core(s)")));
  EXPECT_THAT(binding_warnings(bound),
              ElementsAre(HasSubstr("rank(s) 0, 1, 2, 3, 4, 5, 6, 7 and 12 more may use one core of 8 each"),
                          HasSubstr("run 20 worker threads on 1 core(s)")));
}

RankFacts rank_with(const char* host, const char* processor, InstructionSet isa) {
  RankFacts facts = rank_on(host, {0, 8}, 4, 1);
  std::strcpy(facts.processor.host, host);
  std::strcpy(facts.processor.name, processor);
  facts.processor.isa = isa;
  return facts;
}

TEST(DoctorProcessors, ThoseOfOneKindAreFine) {
  const std::vector<RankFacts> ranks(3, rank_with("a", "Xeon", InstructionSet::avx512));

  const Finding finding = judge_processors(ranks);

  EXPECT_THAT(finding, kIsGood);
  EXPECT_THAT(finding.text, AllOf(HasSubstr("avx512"), HasSubstr("Xeon")));
}

TEST(DoctorProcessors, MixedOnesAreNamedWithWhatATrainingDoes) {
  const std::vector<RankFacts> ranks{rank_with("a", "Xeon", InstructionSet::avx512),
                                     rank_with("b", "Epyc", InstructionSet::avx2)};

  EXPECT_THAT(judge_processors(ranks),
              AllOf(warns("rank 1 on b (Epyc) has avx2"), warns("keeps all of them to avx2")));
}

TEST(DoctorBinding, TooManyThreadsOnTheSameCores) {
  const std::vector<RankFacts> ranks{rank_on("a", {0, 4}, 4), rank_on("b", {0, 4}, 4),
                                     rank_on("a", {2, 4}, 4)};

  EXPECT_THAT(judge_binding(ranks),
              Contains(warns("ranks 0, 2 on a run 8 worker threads on 6 core(s) (0-5)")).Times(1));
  EXPECT_THAT(judge_binding(ranks), Contains(Field(&Finding::text, HasSubstr("--map-by slot:PE=N"))));
}

TEST(DoctorBinding, OneCoreForWorkersAndLoader) {
  const std::vector<RankFacts> ranks{rank_on("a", {3, 1}, 1, 1)};

  EXPECT_THAT(judge_binding(ranks), Contains(warns("share one core; start with `mpirun --bind-to none`")));
}

TEST(DoctorClock, WarnsAboveASecond) {
  EXPECT_THAT(judge_clocks(std::vector<double>{0, 0.4, -0.5}), kIsGood);
  EXPECT_THAT(judge_clocks(std::vector<double>{0, 0.4, -0.7}),
              warns("differ by 1.1 s (rank 2 by -0.7 s from rank 0)"));
}

TEST(DoctorSpace, TwoCheckpointsMustFit) {
  const Needs needs{.origin = "net", .checkpoint_bytes = 1'000'000'000};

  EXPECT_THAT(judge_space(2'000'000'000, needs, "/d"), kIsGood);
  EXPECT_THAT(judge_space(1'999'999'999, needs, "/d"), fails("two checkpoints of net take 2.000 GB"));
  EXPECT_THAT(judge_space(std::nullopt, needs, "/d"), warns("does not say"));
}

TEST(DoctorLimits, SmallOnesAreNamedWithTheFix) {
  std::vector<RankFacts> ranks{rank_on("a", {0, 4}, 4), rank_on("a", {4, 4}, 4)};
  EXPECT_THAT(judge_limits(ranks, {}), ElementsAre(kIsGood));

  ranks[1].open_files = 100;
  ranks[1].file_bytes = 1'000'000;
  ranks[1].address_space = 1'000'000'000;
  const auto findings = judge_limits(ranks, {});
  EXPECT_THAT(findings, Contains(fails("`ulimit -f`")));
  EXPECT_THAT(findings, Contains(warns("`ulimit -n`")));
  EXPECT_THAT(findings, Contains(warns("`ulimit -v`")));
}

TEST(DoctorMemory, IsCountedPerRankOfAHost) {
  std::vector<RankFacts> ranks{rank_on("a", {0, 4}, 4), rank_on("a", {4, 4}, 4), rank_on("b", {0, 4}, 4, 1)};
  EXPECT_THAT(judge_memory(ranks, {}), Each(kIsGood));

  ranks[0].available_memory = std::uint64_t{900} << 20;
  ranks[0].shared_free = 64 << 20;
  EXPECT_THAT(judge_memory(ranks, {}), Contains(warns("a: 0.9 GiB free of 16.0 GiB, 0.4 GiB a rank")));
  EXPECT_THAT(judge_memory(ranks, {}), Contains(warns("--shm-size")));
}

TEST(DoctorLauncher, KnowsTheStartsThatDoNotMeet) {
  EXPECT_THAT(judge_launcher({"mpirun", 2, true}, 2, false, true), kIsGood);
  EXPECT_THAT(judge_launcher({}, 1, false, false), kIsGood);
  EXPECT_THAT(judge_launcher({}, 1, true, false), warns("inside a SLURM job"));
  EXPECT_THAT(judge_launcher({"srun", 4, false}, 1, true, false), fails("srun --mpi=pmix"));
  EXPECT_THAT(judge_launcher({"mpirun", 2, true}, 2, false, false), warns("no PMIx"));
}

TEST(DoctorAllreduce, IsComparedWithMemory) {
  EXPECT_THAT(judge_allreduce({.latency_us = 2, .bus_gb_s = 5, .copy_gb_s = 10}), kIsGood);
  EXPECT_THAT(judge_allreduce({.latency_us = 5000, .bus_gb_s = 5, .copy_gb_s = 10}), warns("share cores"));
  EXPECT_THAT(judge_allreduce({.latency_us = 2, .bus_gb_s = 0.1, .copy_gb_s = 10}), warns("far below"));
  EXPECT_THAT(judge_allreduce({.latency_us = 50, .bus_gb_s = 0.1, .copy_gb_s = 10, .one_host = false}),
              kIsGood);
}

TEST(DoctorDirectory, TriesEverythingAndLeavesNothingBehind) {
  const TemporaryDirectory directory;

  const auto findings = try_directory(directory.path());

  EXPECT_THAT(findings, Not(Contains(Field(&Finding::grade, Grade::failure))));
  for (const char* what : {"file system", "sync", "file locks", "files", "HDF5"})
    EXPECT_THAT(findings, Contains(Field(&Finding::what, what)));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DoctorDirectory, OneThatCannotBeWrittenIsAFailure) {
  EXPECT_THAT(try_directory("/proc"), Contains(fails("/proc cannot be written")));
  EXPECT_EQ(nearest_directory("/proc/no/such/place"), "/proc");
}

TEST(DoctorDirectory, OneRankSharesWithItself) {
  const TemporaryDirectory directory;
  const auto group = comm::make_serial_group();

  EXPECT_THAT(try_sharing(*group, directory.path()), kIsGood);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DoctorDirectory, WithoutLinksAndSyncingWorksAndIsToldOf) {
  const TemporaryDirectory folder;
  const auto look = [&] {
    const auto findings = try_directory(folder.path());
    return testing::Matches(Contains(AllOf(warns("cannot be synced"), Field(&Finding::what, "sync"))))(
               findings) &&
           testing::Matches(Contains(AllOf(warns("no symbolic links"), Field(&Finding::what, "links"))))(
               findings) &&
           testing::Matches(Each(Field(&Finding::grade, Not(Grade::failure))))(findings);
  };

  EXPECT_TRUE(test::runs_without({{SYS_symlink, EPERM}, {SYS_symlinkat, EPERM}, {SYS_fsync, ENOTSUP}}, look));
  EXPECT_FALSE(look());
}

}  // namespace
}  // namespace annulus::trainer
