# What Ninja forgives and Makefiles do not, e.g. nobody making the folder of generated files: configures an empty
# folder with Makefiles and builds the generated messages and the lowest room.
#   cmake -DSOURCE_DIR=... -DBINARY_DIR=... -P makefile_build.cmake
file(REMOVE_RECURSE ${BINARY_DIR})  # what an earlier build made would hide what this one does not
execute_process(
  COMMAND ${CMAKE_COMMAND} -G "Unix Makefiles" -S ${SOURCE_DIR} -B ${BINARY_DIR}
    -DCMAKE_BUILD_TYPE=Debug -DBUILD_TESTING=OFF -DWITH_BENCHMARKS=OFF
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(
  COMMAND ${CMAKE_COMMAND} --build ${BINARY_DIR} --target event_proto annulus_base
  COMMAND_ERROR_IS_FATAL ANY)
