// What the functions do by which NumPy writes arrays into pickles. Internal to io/import.
#pragma once

#include <string>
#include <string_view>

#include "io/import/pickle.hpp"

namespace annulus::io {

/// Adds values to a pickle that is being read.
class PickleCalls {
 public:
  /// @param place  for messages
  PickleCalls(Pickle& pickle, const std::string& place, std::size_t file_bytes)
      : pickle_(pickle), place_(place), most_decoded_(4 * file_bytes) {}

  /// @throws DataError when there are absurdly many
  Pickle::Number add(Pickle::Value value);
  /// Text that is kept by the pickle itself.
  Pickle::Number add_text(std::string text);
  /// @throws DataError naming the function, when it is none that arrays need
  Pickle::Number add_function(std::string_view module, std::string_view name);
  /// @return the result   @throws DataError for arguments that the function does not take
  Pickle::Number call(Pickle::Number function, Pickle::Number arguments);
  /// Gives an array or a type what it is made of.
  void build(Pickle::Number object, Pickle::Number state);

 private:
  using Kind = Pickle::Kind;
  const Pickle::Value& item(const Pickle::Value& list, std::size_t i, Kind kind) const;
  Extents extents_of(const Pickle::Value& tuple) const;
  Pickle::Number add_array(PickledArray array);
  Pickle::Number add_type(std::string_view word);
  Pickle::Number decoded(const Pickle::Value& arguments);
  void check_size(const PickledArray& array) const;
  [[noreturn]] void refuse(const std::string& what) const;

  Pickle& pickle_;
  const std::string& place_;
  std::size_t most_decoded_;
  std::size_t decoded_ = 0;  ///< bytes, all together
};

}  // namespace annulus::io
