# The GPU libraries: CUDA's compiler and runtime, cuBLASLt, cuDNN and NCCL. Only with WITH_CUDA.
#
# They are looked for below one folder, ANNULUS_CUDA_ROOT, in two layouts: NVIDIA's packages put everything into
# include/ and lib64/ of the folder (cuDNN and NCCL perhaps into the system's own), PyPI's wheels have one folder a
# library below site-packages/nvidia, and their libraries carry a version at the end of the name and no link without.
# Runtime libraries are linked as shared ones and by full path, so that neither layout needs LD_LIBRARY_PATH.
set(ANNULUS_CUDA_ROOT "$ENV{CUDA_HOME}" CACHE PATH
  "Folder with CUDA, cuDNN and NCCL: e.g. /usr/local/cuda, or site-packages/nvidia of a Python environment")
set(annulus_default_architectures "80-real;90")
if(DEFINED ENV{CUDAARCHS})  # CMake's own way to say it
  set(annulus_default_architectures $ENV{CUDAARCHS})
endif()
set(CMAKE_CUDA_ARCHITECTURES ${annulus_default_architectures} CACHE STRING
  "GPU architectures to compile for; a number without -real also brings PTX, from which newer GPUs compile at start")

# The folder itself, then one a package.
set(annulus_cuda_folders "")
if(ANNULUS_CUDA_ROOT)
  file(GLOB annulus_cuda_packages LIST_DIRECTORIES true ${ANNULUS_CUDA_ROOT}/*)
  foreach(folder IN LISTS ANNULUS_CUDA_ROOT annulus_cuda_packages)
    if(IS_DIRECTORY ${folder}/include OR IS_DIRECTORY ${folder}/bin)
      list(APPEND annulus_cuda_folders ${folder})
    endif()
  endforeach()
  if(NOT annulus_cuda_folders)
    message(FATAL_ERROR "ANNULUS_CUDA_ROOT is '${ANNULUS_CUDA_ROOT}', which holds no CUDA: neither it nor a folder in "
                        "it has include/ or bin/. Give the folder of NVIDIA's packages (/usr/local/cuda) or of "
                        "PyPI's (.../site-packages/nvidia).")
  endif()
endif()

if(NOT CMAKE_CUDA_COMPILER)
  find_program(ANNULUS_NVCC nvcc HINTS ${annulus_cuda_folders} ENV CUDACXX PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT ANNULUS_NVCC)
    message(FATAL_ERROR "WITH_CUDA is ON, but CUDA's compiler nvcc is not found. Set -DANNULUS_CUDA_ROOT to the folder "
                        "of the CUDA toolkit, put nvcc into PATH, or configure with -DWITH_CUDA=OFF.")
  endif()
  set(CMAKE_CUDA_COMPILER ${ANNULUS_NVCC})
endif()
get_filename_component(annulus_nvcc_folder ${CMAKE_CUDA_COMPILER} REALPATH)
get_filename_component(annulus_nvcc_folder ${annulus_nvcc_folder} DIRECTORY)
list(APPEND annulus_cuda_folders ${annulus_nvcc_folder}/..)

set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER} CACHE FILEPATH "C++ compiler behind nvcc")
set(CMAKE_CUDA_RUNTIME_LIBRARY None)  # ours, below
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()

add_library(annulus_cuda INTERFACE)

# annulus_cuda_library(NAME HEADER header VERSIONS number...)   e.g. 13 for libcudart.so.13
function(annulus_cuda_library name)
  cmake_parse_arguments(GPU "" "HEADER" "VERSIONS" ${ARGN})
  set(file_names ${name})
  foreach(version IN LISTS GPU_VERSIONS)
    list(APPEND file_names lib${name}.so.${version})
  endforeach()
  string(TOUPPER ${name} key)
  find_path(ANNULUS_${key}_INCLUDE ${GPU_HEADER} HINTS ${annulus_cuda_folders} PATH_SUFFIXES include)
  find_library(ANNULUS_${key}_LIBRARY NAMES ${file_names} NAMES_PER_DIR HINTS ${annulus_cuda_folders} PATH_SUFFIXES lib64 lib)
  if(NOT ANNULUS_${key}_INCLUDE OR NOT ANNULUS_${key}_LIBRARY)
    message(FATAL_ERROR "${name} (${GPU_HEADER}, lib${name}.so) is not found below '${annulus_cuda_folders}' nor in "
                        "the system's folders. Install it there, or set ANNULUS_${key}_INCLUDE and "
                        "ANNULUS_${key}_LIBRARY.")
  endif()
  add_library(annulus_cuda_${name} SHARED IMPORTED)
  set_target_properties(annulus_cuda_${name} PROPERTIES IMPORTED_LOCATION ${ANNULUS_${key}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ANNULUS_${key}_INCLUDE})
  target_link_libraries(annulus_cuda INTERFACE annulus_cuda_${name})
endfunction()

annulus_cuda_library(cudart HEADER cuda_runtime_api.h VERSIONS 13 12)
annulus_cuda_library(cublasLt HEADER cublasLt.h VERSIONS 13 12)
annulus_cuda_library(cudnn HEADER cudnn.h VERSIONS 9)
annulus_cuda_library(nccl HEADER nccl.h VERSIONS 2)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}: ${ANNULUS_CUDART_LIBRARY}, "
               "${ANNULUS_CUBLASLT_LIBRARY}, ${ANNULUS_CUDNN_LIBRARY}, ${ANNULUS_NCCL_LIBRARY}")

# For the message to whoever has another GPU.
list(JOIN CMAKE_CUDA_ARCHITECTURES ", " annulus_cuda_architectures)
set_source_files_properties(comm/cuda/gpu.cpp PROPERTIES COMPILE_DEFINITIONS
  "ANNULUS_CUDA_ARCHITECTURES=\"${annulus_cuda_architectures}\"")
