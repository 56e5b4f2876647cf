# One static library a room, with the warnings and flags that all of them share.

add_library(annulus_warnings INTERFACE)
target_compile_options(annulus_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    # Designated initialisers leave the other members at their defaults on purpose; the second is wrong in GCC 12.
    -Wno-missing-field-initializers -Wno-restrict>
  # Sums must not depend on where the compiler finds room for a fused multiply-add; kernels ask for it by intrinsics.
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
  # Nobody reads errno after a square root, and setting it keeps loops from being vectorised.
  $<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${WITH_WERROR}>>:-Werror>)
if(WITH_NATIVE_ARCH)
  target_compile_options(annulus_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(WITH_SANITIZER)
  add_compile_options(-fsanitize=${WITH_SANITIZER} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${WITH_SANITIZER})
endif()

# annulus_room(NAME SOURCES pattern... LINK PUBLIC ... PRIVATE ...)
function(annulus_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${ROOM_SOURCES})
  add_library(annulus_${name} STATIC ${sources})
  set_target_properties(annulus_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(annulus_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(annulus_${name} ${ROOM_LINK} PRIVATE annulus_warnings)
endfunction()
