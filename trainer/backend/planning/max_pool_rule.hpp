// The one rule of max pools. It decides which element of a window is put out, and so which gets the gradient.
#pragma once

namespace annulus::trainer {

/// Whether a value takes over from the largest so far, in the order of rows: of equal values the first wins,
/// and a NaN wins and stays, so that it shows. The first element of a window inside the image wins by itself,
/// whatever it is: a window of -inf gives -inf.
template <class T>
constexpr bool takes_over(T value, T largest) {
  return !(value <= largest) && largest == largest;
}

}  // namespace annulus::trainer
