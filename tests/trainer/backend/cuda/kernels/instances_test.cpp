// Which instance of a kernel a step plans: as many neighbours per access as divide what lies without a gap.
#include <gtest/gtest.h>

#include <vector>

#include "trainer/backend/cuda/kernels/instances.hpp"

namespace annulus::trainer::cuda {
namespace {

struct Chosen {
  Element element;
  int pack;
  bool operator==(const Chosen&) const = default;
};

template <class Instances>
Chosen chosen(const Instances& instances) {
  Chosen result{};
  with_instance(instances, [&]<class T, int P>(Instance<T, P>) {
    result = {sizeof(T) == 4 ? Element::float32 : Element::bfloat16, P};
  });
  return result;
}

TEST(Instances, PacksAreSixteenBytesOrOneElement) {
  for (const std::int64_t extent : {4, 12, 64}) EXPECT_EQ(chosen(packs_of(Element::float32, extent)).pack, 4);
  for (const std::int64_t extent : {1, 2, 6, 63})
    EXPECT_EQ(chosen(packs_of(Element::float32, extent)).pack, 1);
  for (const std::int64_t extent : {8, 64}) EXPECT_EQ(chosen(packs_of(Element::bfloat16, extent)).pack, 8);
  for (const std::int64_t extent : {4, 12, 63})
    EXPECT_EQ(chosen(packs_of(Element::bfloat16, extent)).pack, 1);
}

TEST(Instances, QuadsAreFourElementsOrOne) {
  for (const Element element : {Element::float32, Element::bfloat16}) {
    EXPECT_EQ(chosen(quads_of(element, 12)), (Chosen{element, 4}));
    EXPECT_EQ(chosen(quads_of(element, 6)), (Chosen{element, 1}));
  }
}

TEST(Instances, TwoAreChosenIndependently) {
  std::vector<std::size_t> bytes;
  for (const Element from : {Element::float32, Element::bfloat16})
    for (const Element to : {Element::float32, Element::bfloat16})
      with_instance(elements_of(from), elements_of(to),
                    [&]<class From, class To>(Instance<From>, Instance<To>) {
                      bytes.insert(bytes.end(), {sizeof(From), sizeof(To)});
                    });

  EXPECT_EQ(bytes, (std::vector<std::size_t>{4, 4, 4, 2, 2, 4, 2, 2}));
}

}  // namespace
}  // namespace annulus::trainer::cuda
