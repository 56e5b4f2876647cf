// The order in which algorithms are tried, with a library that is played by lists.
#include "trainer/backend/cuda/steps/plan_choice.hpp"

#include <gmock/gmock.h>

#include <array>
#include <string>

namespace annulus::trainer::cuda {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Method { direct, implicit, fourier };
enum class Math { tensor, plain };
using One = Candidate<Method, Math>;
using Result = Ranked<Method, Math>;

/// What one choice asked for, in order.
struct Trace {
  std::vector<Method> asked;  ///< for their workspace
  std::vector<std::pair<Method, Math>> tried;
};

/// Chooses; only `runs` runs.
std::optional<One> choose(const std::vector<Result>& ranked, const std::vector<One>& known,
                          std::optional<std::pair<Method, Math>> runs, Trace& trace) {
  return first_that_runs(
      std::span(ranked), std::span(known), std::size_t{1000},
      [&](const One& one) -> std::optional<std::size_t> {
        trace.asked.push_back(one.algorithm);
        if (one.math == Math::tensor) return std::nullopt;
        return one.algorithm == Method::fourier ? 5000 : 10;
      },
      [&](const One& one) {
        trace.tried.emplace_back(one.algorithm, one.math);
        return runs && *runs == std::pair(one.algorithm, one.math);
      });
}

const std::vector<Result> kRanked{{{Method::direct, Math::tensor, 10}, false},
                                  {{Method::fourier, Math::tensor, 2000}, true},
                                  {{Method::fourier, Math::plain, 900}, true},
                                  {{Method::implicit, Math::tensor, 10}, true}};

TEST(PlanChoice, TakesTheFirstRankedThatIsUsableFitsAndRuns) {
  Trace trace;
  const auto found = choose(kRanked, {}, std::pair(Method::implicit, Math::tensor), trace);

  ASSERT_TRUE(found);
  EXPECT_EQ(found->algorithm, Method::implicit);
  EXPECT_EQ(found->workspace, 10u);
  EXPECT_THAT(trace.tried, ElementsAre(std::pair(Method::fourier, Math::plain),
                                       std::pair(Method::implicit, Math::tensor)));
  EXPECT_THAT(trace.asked, IsEmpty());
}

TEST(PlanChoice, AsksForTheKnownOnesByNameWhereNoRankedOneRuns) {
  const std::array methods{Method::implicit, Method::direct};
  const std::array maths{Math::tensor, Math::plain};
  const std::vector<One> known = combinations(std::span<const Method>(methods), std::span<const Math>(maths));
  Trace trace;
  const auto found = choose(kRanked, known, std::pair(Method::direct, Math::plain), trace);

  ASSERT_TRUE(found);
  EXPECT_EQ(found->algorithm, Method::direct);
  EXPECT_EQ(found->math, Math::plain);
  EXPECT_EQ(found->workspace, 10u);
  // What was seen to fail is not tried again, what the library has not is not tried at all.
  EXPECT_THAT(trace.asked, ElementsAre(Method::implicit, Method::direct, Method::direct));
  EXPECT_THAT(trace.tried,
              ElementsAre(std::pair(Method::fourier, Math::plain), std::pair(Method::implicit, Math::tensor),
                          std::pair(Method::implicit, Math::plain), std::pair(Method::direct, Math::plain)));
}

TEST(PlanChoice, KnownOnesMustFitAsWell) {
  Trace trace;
  const std::vector<One> known{{Method::fourier, Math::plain, 0}};

  EXPECT_FALSE(choose({}, known, std::pair(Method::fourier, Math::plain), trace));
  EXPECT_THAT(trace.asked, ElementsAre(Method::fourier));
  EXPECT_THAT(trace.tried, IsEmpty());
}

TEST(PlanChoice, OnlyWhatCannotBeDoneWithoutEndsTheProgram) {
  for (const bool wish : {true, false}) {
    EXPECT_FALSE(ends_program(LibraryAnswer::algorithms, wish));
    EXPECT_FALSE(ends_program(LibraryAnswer::not_supported, wish));
  }
  EXPECT_FALSE(ends_program(LibraryAnswer::failure, true));
  EXPECT_TRUE(ends_program(LibraryAnswer::failure, false));
}

TEST(PlanChoice, NanIsKeptInsideAFusedReluWhereThatCanBeHad) {
  using Try = FusedTry<Method>;
  EXPECT_THAT(fused_tries<Method>(Method::direct, Method::implicit),
              ElementsAre(Try{Method::direct, NanInRelu::kept}, Try{Method::implicit, NanInRelu::kept},
                          Try{Method::direct, NanInRelu::may_become_zero},
                          Try{Method::implicit, NanInRelu::may_become_zero}));
  for (const auto own : {std::optional<Method>(), std::optional(Method::implicit)})
    EXPECT_THAT(fused_tries<Method>(own, Method::implicit),
                ElementsAre(Try{Method::implicit, NanInRelu::kept},
                            Try{Method::implicit, NanInRelu::may_become_zero}));
}

TEST(PlanChoice, GroupsRunOneByOneBeforeThePlainKernelIsTaken) {
  const auto with = [](std::int32_t groups, bool has_it, int& asked) {
    return without_whole(groups, [&] { return ++asked > 0 && has_it; });
  };
  int asked = 0;
  EXPECT_EQ(with(2, true, asked), Runner::groups);
  EXPECT_EQ(with(kMostGroupsOneByOne, true, asked), Runner::groups);
  EXPECT_EQ(with(2, false, asked), Runner::own);
  EXPECT_EQ(asked, 3);

  EXPECT_EQ(with(1, true, asked), Runner::own);
  EXPECT_EQ(with(kMostGroupsOneByOne + 1, true, asked), Runner::own);
  EXPECT_EQ(asked, 3) << "a plan is made for nothing";
}

}  // namespace
}  // namespace annulus::trainer::cuda
