// Every figure as a number that is to be large.
#include "trainer/loop/best_model.hpp"

#include <algorithm>
#include <cmath>

namespace annulus::trainer {
namespace {

double worth_of(const ValidationFigures& figures, BestBy figure) {
  switch (figure) {
    case BestBy::accuracy:
      return figures.accuracy;
    case BestBy::macro_recall:
      return figures.macro_recall;
    case BestBy::loss:
      break;
  }
  return std::isnan(figures.loss) ? -std::numeric_limits<double>::infinity() : -figures.loss;
}

}  // namespace

ValidationFigures figures_of(const Evaluation& validation) {
  return {.loss = validation.loss, .accuracy = validation.accuracy, .macro_recall = validation.macro_recall};
}

std::string phrase_of(BestBy figure) {
  std::string words = word_of(figure);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

bool is_better(const ValidationFigures& one, const ValidationFigures& other, BestBy figure) {
  const double mine = worth_of(one, figure);
  const double theirs = worth_of(other, figure);
  return mine != theirs ? mine > theirs : worth_of(one, BestBy::loss) > worth_of(other, BestBy::loss);
}

bool has_improved(const ValidationFigures& now, const ValidationFigures& before, BestBy figure,
                  double least) {
  if (before.accuracy < 0) return true;  // the first validation
  const double gain = worth_of(now, figure) - worth_of(before, figure);
  return gain > least || (least == 0 && is_better(now, before, figure));
}

}  // namespace annulus::trainer
