// Which of two validations is the better one: the best model and early stopping go by the same figure.
#pragma once

#include <limits>
#include <string>

#include "trainer/loop/evaluator.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// What is compared of a validation. As it stands, worse than any.
struct ValidationFigures {
  double loss = std::numeric_limits<double>::infinity();
  double accuracy = -1;
  double macro_recall = -1;
};

ValidationFigures figures_of(const Evaluation& validation);

/// "accuracy", "loss", "macro recall", for sentences.
std::string phrase_of(BestBy figure);

/// Whether `one` is better than `other`: by the figure, and by the loss where that is equal. A loss that is
/// not a number is worse than any.
bool is_better(const ValidationFigures& one, const ValidationFigures& other, BestBy figure);

/// Whether the figure has become better by more than `least`, as the first validation always has. With least
/// = 0 a better loss at an equal figure counts as well.
bool has_improved(const ValidationFigures& now, const ValidationFigures& before, BestBy figure, double least);

}  // namespace annulus::trainer
