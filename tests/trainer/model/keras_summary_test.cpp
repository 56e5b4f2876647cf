// The summary character by character as print_summary() of Keras 2.2.4 prints it. The texts were made with
// that function (keras/utils/layer_utils.py of PyPI's keras 2.2.4) on stand-ins for these layers.
#include "trainer/model/keras_summary.hpp"

#include <gmock/gmock.h>

#include "tests/support/source_dir.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

TEST(KerasSummary, OfLayersInARow) {
  const Network network = load_config(source_dir() + "/configs/cifar10.yaml").config.network;

  EXPECT_EQ(keras_summary(network), R"(_________________________________________________________________
Layer (type)                 Output Shape              Param #   
=================================================================
conv2d_1 (Conv2D)            (None, 32, 32, 32)        896       
_________________________________________________________________
activation_1 (Activation)    (None, 32, 32, 32)        0         
_________________________________________________________________
max_pooling2d_1 (MaxPooling2 (None, 16, 16, 32)        0         
_________________________________________________________________
conv2d_2 (Conv2D)            (None, 16, 16, 64)        18496     
_________________________________________________________________
activation_2 (Activation)    (None, 16, 16, 64)        0         
_________________________________________________________________
max_pooling2d_2 (MaxPooling2 (None, 8, 8, 64)          0         
_________________________________________________________________
flatten_1 (Flatten)          (None, 4096)              0         
_________________________________________________________________
dense_1 (Dense)              (None, 256)               1048832   
_________________________________________________________________
activation_3 (Activation)    (None, 256)               0         
_________________________________________________________________
dense_2 (Dense)              (None, 10)                2570      
_________________________________________________________________
activation_4 (Activation)    (None, 10)                0         
=================================================================
Total params: 1,070,794
Trainable params: 1,070,794
Non-trainable params: 0
_________________________________________________________________
)");
}

TEST(KerasSummary, OfAGraph) {
  NetworkBuilder builder({.height = 8, .width = 8, .channels = 3});
  builder.conv2d({.filters = 4, .kernel = {3, 3}, .padding_mode = PaddingMode::same}, {.name = "stem"})
      .add(BatchNorm{})
      .conv2d({.filters = 4, .kernel = {3, 3}, .padding_mode = PaddingMode::same},
              {.name = "a_branch_with_a_long_name"})
      .add(Add{}, {.inputs = {"a_branch_with_a_long_name", "batch_normalization"}})
      .add(GlobalPool{PoolKind::average})
      .dense({.units = 2}, {.activation = Activation::softmax});

  EXPECT_EQ(
      keras_summary(builder.build()),
      R"(__________________________________________________________________________________________________
Layer (type)                    Output Shape         Param #     Connected to                     
==================================================================================================
input_1 (InputLayer)            (None, 8, 8, 3)      0                                            
__________________________________________________________________________________________________
stem (Conv2D)                   (None, 8, 8, 4)      112         input_1[0][0]                    
__________________________________________________________________________________________________
batch_normalization_1 (BatchNor (None, 8, 8, 4)      16          stem[0][0]                       
__________________________________________________________________________________________________
a_branch_with_a_long_name (Conv (None, 8, 8, 4)      148         batch_normalization_1[0][0]      
__________________________________________________________________________________________________
add_1 (Add)                     (None, 8, 8, 4)      0           a_branch_with_a_long_name[0][0]  
                                                                 batch_normalization_1[0][0]      
__________________________________________________________________________________________________
global_average_pooling2d_1 (Glo (None, 4)            0           add_1[0][0]                      
__________________________________________________________________________________________________
dense_1 (Dense)                 (None, 2)            10          global_average_pooling2d_1[0][0] 
==================================================================================================
Total params: 286
Trainable params: 278
Non-trainable params: 8
__________________________________________________________________________________________________
)");
}

TEST(KerasSummary, NumbersDefaultNamesAloneAndNamesWhatKerasLacks) {
  const Network network =
      NetworkBuilder({.height = 8, .width = 8, .channels = 2})
          .conv2d({.filters = 2, .groups = 2, .weights = {{1, 1}, {3}}}, {.name = "conv2d_left"})
          .conv2d({.filters = 2}, {.name = "conv2d_"})
          .add(LocalResponseNorm{})
          .flatten()
          .dense({.units = 1})
          .build();

  const std::string text = keras_summary(network);

  EXPECT_THAT(text, testing::HasSubstr("conv2d_left (Conv2D)         (None, 8, 8, 2)           4"));
  EXPECT_THAT(text, testing::HasSubstr("conv2d_ (Conv2D) "));
  EXPECT_THAT(text, testing::HasSubstr("lrn_1 (lrn) "));
  EXPECT_THAT(text,
              testing::HasSubstr("Total params: 139\nTrainable params: 137\nNon-trainable params: 2\n"));
}

}  // namespace
}  // namespace annulus::trainer
