# One static library a room, with the warnings and flags that all of them share.

add_library(annulus_warnings INTERFACE)
target_compile_options(annulus_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    # Designated initialisers leave the other members at their defaults on purpose; the second is wrong in GCC 12.
    -Wno-missing-field-initializers -Wno-restrict>
  # Tables of kinds end in switches without a default: a kind that was forgotten is an error in every build.
  $<$<COMPILE_LANGUAGE:CXX>:-Werror=switch>
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Werror=switch>
  # Sums must not depend on where the compiler finds room for a fused multiply-add; kernels ask for it by intrinsics.
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
  # Nobody reads errno after a square root, and setting it keeps loops from being vectorised.
  $<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${WITH_WERROR}>>:-Werror>
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers>
  # As above; kernels wait for memory, not for arithmetic, and so give the same bits as their bodies on the host.
  $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false>
  # Kernels call the constexpr functions of base (random numbers) as they are.
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>
  $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${WITH_WERROR}>>:-Werror=all-warnings>)
if(WITH_NATIVE_ARCH)
  target_compile_options(annulus_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(WITH_SANITIZER)  # -g1: reports want lines, not values; everything else makes compilers slower
  add_compile_options($<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:-fsanitize=${WITH_SANITIZER}>
    $<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:-fno-sanitize-recover=all>  # undefined behaviour ends a test, too
    $<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:-fno-omit-frame-pointer> -g1)
  add_link_options(-fsanitize=${WITH_SANITIZER})
endif()

# ccache wants to be told that __TIME__ may stand in a precompiled header, or it caches nothing that includes one.
if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache$" AND NOT DEFINED ENV{CCACHE_SLOPPINESS})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
    ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# What nearly every source includes, parsed once: half of the time of a small file. Nothing of ours, so that no edit makes
# all of it anew, and nothing that only some need: reading it back costs, too. A source still includes what it uses;
# jobs/lint.sh compiles without.
set(annulus_common_headers algorithm array chrono cmath cstddef cstdint cstring filesystem functional map memory optional
  span string string_view utility vector fmt/format.h)

# annulus_headers(NAME LINK lib... HEADERS header...): precompiles headers for targets that have the flags of this folder
# and the macros of LINK; more macros do no harm. They take it by annulus_precompiled(TARGET NAME).
function(annulus_headers name)
  cmake_parse_arguments(PRE "" "" "LINK;HEADERS" ${ARGN})
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${PRE_LINK} annulus_warnings)
  list(TRANSFORM PRE_HEADERS REPLACE "(.+)" "<\\1>")
  target_precompile_headers(${name} PRIVATE ${PRE_HEADERS})
  annulus_precompiled(${name})
endfunction()

function(annulus_precompiled target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)  # for ccache
  foreach(name IN LISTS ARGN)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endforeach()
endfunction()

annulus_headers(room_headers LINK fmt::fmt HEADERS ${annulus_common_headers})
# OpenMP defines a macro, which makes another language of all headers.
annulus_headers(openmp_room_headers LINK fmt::fmt OpenMP::OpenMP_CXX HEADERS ${annulus_common_headers})

# annulus_library(NAME SOURCES source... LINK PUBLIC ... PRIVATE ...)
function(annulus_library name)
  cmake_parse_arguments(LIBRARY "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${LIBRARY_SOURCES})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} ${LIBRARY_LINK} PRIVATE annulus_warnings)
  if("OpenMP::OpenMP_CXX" IN_LIST LIBRARY_LINK)
    annulus_precompiled(${name} openmp_room_headers)
  else()
    annulus_precompiled(${name} room_headers)
  endif()
endfunction()

# annulus_room(NAME FOLDERS folder... [WITHOUT folder...] [CUDA folder...] LINK PUBLIC ... PRIVATE ...)
# All sources below FOLDERS but those below WITHOUT, rooms of their own or single files. Some functions have two halves,
# each a library of its own: what lies below CUDA (with WITH_CUDA only), and files named *_without_cuda.cpp. A program
# takes the first where annulus_with_cuda(PROGRAM) is said and CUDA is there, else the second: one build makes both kinds.
function(annulus_room name)
  cmake_parse_arguments(ROOM "" "" "FOLDERS;WITHOUT;CUDA;LINK" ${ARGN})
  list(TRANSFORM ROOM_FOLDERS APPEND "/*.cpp" OUTPUT_VARIABLE patterns)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  foreach(folder IN LISTS ROOM_WITHOUT ROOM_CUDA)
    list(FILTER sources EXCLUDE REGEX "^${PROJECT_SOURCE_DIR}/${folder}(/|$)")
  endforeach()
  set(without_sources ${sources})
  list(FILTER sources EXCLUDE REGEX "_without_cuda.cpp$")
  annulus_library(annulus_${name} SOURCES ${sources} LINK ${ROOM_LINK})
  if(NOT ROOM_CUDA)
    return()
  endif()
  list(FILTER without_sources INCLUDE REGEX "_without_cuda.cpp$")
  set(half annulus_${name}_without_cuda)
  annulus_library(${half} SOURCES ${without_sources} LINK PUBLIC annulus_${name} ${ROOM_LINK})
  if(WITH_CUDA)
    list(TRANSFORM ROOM_CUDA REPLACE "(.+)" "\\1/*.cpp;\\1/*.cu" OUTPUT_VARIABLE patterns)
    file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS ${patterns})
    annulus_library(annulus_${name}_with_cuda SOURCES ${cuda_sources} LINK PUBLIC annulus_${name} ${ROOM_LINK})
    # Private: a room without CUDA sources does not even find CUDA's headers.
    target_link_libraries(annulus_${name}_with_cuda PRIVATE annulus_cuda)
    # The property is that of the program which is linked.
    set(half "$<IF:$<BOOL:$<TARGET_PROPERTY:ANNULUS_WITH_CUDA>>,annulus_${name}_with_cuda,${half}>")
  endif()
  target_link_libraries(annulus_${name} PUBLIC ${half})
endfunction()

# annulus_with_cuda(PROGRAM...): programs that can use GPUs; all others start faster, as CUDA's libraries are large.
function(annulus_with_cuda)
  set_target_properties(${ARGN} PROPERTIES ANNULUS_WITH_CUDA ON)
endfunction()
