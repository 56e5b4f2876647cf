// In which order the libraries are asked while a step is planned, and what their refusals mean. No CUDA in
// here: tests play the library.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace annulus::trainer::cuda {

/// What a library says when it is asked for algorithms.
enum class LibraryAnswer { algorithms, not_supported, failure };

/// Whether an answer ends the program. What the caller can do without may be refused in any words: libraries
/// call a combination that they do not have an invalid value as well.
constexpr bool ends_program(LibraryAnswer answer, bool can_do_without) {
  return answer == LibraryAnswer::failure && !can_do_without;
}

/// One way to run a direction of a convolution.
template <class Algorithm, class Math>
struct Candidate {
  Algorithm algorithm{};
  Math math{};
  std::size_t workspace = 0;  ///< bytes
};

/// What a library's heuristics say about one, best first.
template <class Algorithm, class Math>
struct Ranked {
  Candidate<Algorithm, Math> candidate;
  bool usable = false;  ///< supported and deterministic
};

/// The first that is usable, wants at most `most_workspace` bytes and runs; after those that heuristics rank
/// come those that are `known` to be deterministic, which heuristics leave out for some shapes.
/// @param workspace_of  of a known candidate, or nothing when the library has it not
/// @param runs  tries a candidate out
template <class Algorithm, class Math, class WorkspaceOf, class Runs>
std::optional<Candidate<Algorithm, Math>> first_that_runs(std::span<const Ranked<Algorithm, Math>> ranked,
                                                          std::span<const Candidate<Algorithm, Math>> known,
                                                          std::size_t most_workspace,
                                                          const WorkspaceOf& workspace_of, const Runs& runs) {
  std::vector<Candidate<Algorithm, Math>> refused;
  const auto try_out = [&](const Candidate<Algorithm, Math>& candidate) {
    if (candidate.workspace > most_workspace) return false;
    if (runs(candidate)) return true;
    refused.push_back(candidate);
    return false;
  };
  for (const Ranked<Algorithm, Math>& result : ranked)
    if (result.usable && try_out(result.candidate)) return result.candidate;
  for (Candidate<Algorithm, Math> candidate : known) {
    if (std::ranges::any_of(refused, [&](const auto& other) {
          return other.algorithm == candidate.algorithm && other.math == candidate.math;
        }))
      continue;
    const std::optional<std::size_t> workspace = workspace_of(candidate);
    if (!workspace) continue;
    candidate.workspace = *workspace;
    if (try_out(candidate)) return candidate;
  }
  return std::nullopt;
}

/// Each algorithm with each kind of mathematics, the first algorithm first.
template <class Algorithm, class Math>
std::vector<Candidate<Algorithm, Math>> combinations(std::span<const Algorithm> algorithms,
                                                     std::span<const Math> maths) {
  std::vector<Candidate<Algorithm, Math>> all;
  for (const Algorithm algorithm : algorithms)
    for (const Math math : maths) all.push_back({algorithm, math, 0});
  return all;
}

/// What a ReLU inside a product does with NaN.
enum class NanInRelu { kept, may_become_zero };

/// One way to have bias and activation inside a convolution.
template <class Algorithm>
struct FusedTry {
  Algorithm algorithm;
  NanInRelu nan;
  bool operator==(const FusedTry&) const = default;
};

/// In which order they are tried: with the convolution's own algorithm where `own` is documented to work,
/// then with the `usual` one; NaN is kept where that can be had.
template <class Algorithm>
std::vector<FusedTry<Algorithm>> fused_tries(std::optional<Algorithm> own, Algorithm usual) {
  std::vector<FusedTry<Algorithm>> tries;
  for (const NanInRelu nan : {NanInRelu::kept, NanInRelu::may_become_zero}) {
    if (own && *own != usual) tries.push_back({*own, nan});
    tries.push_back({usual, nan});
  }
  return tries;
}

/// Who runs one direction of a convolution.
enum class Runner {
  fused,    ///< the library, bias and activation inside
  library,  ///< the library
  groups,   ///< the library, one group after the other, on copies of its channels
  own       ///< our own plain kernel
};

/// Each group costs a few launches a direction; with more groups than that the plain kernel has few terms a
/// sum, and launches would take longer.
constexpr std::int32_t kMostGroupsOneByOne = 32;

/// Who runs a direction that the library has not for the whole convolution.
/// @param group_has_it  whether the library has it for one group; asked only where that may help
template <class GroupHasIt>
Runner without_whole(std::int32_t groups, const GroupHasIt& group_has_it) {
  if (groups < 2 || groups > kMostGroupsOneByOne) return Runner::own;
  return group_has_it() ? Runner::groups : Runner::own;
}

}  // namespace annulus::trainer::cuda
