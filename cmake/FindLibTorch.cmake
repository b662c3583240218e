# LibTorch from LLM2CLIP_LIBTORCH (an unpacked LibTorch or the torch folder of any Python), or from
# the project-local environment that scripts/setup makes. Defines the target llm2clip_torch.
if(TARGET llm2clip_torch)
  return()
endif()

set(LLM2CLIP_LIBTORCH "" CACHE PATH "LibTorch; empty: the one of the project-local .venv")
if(LLM2CLIP_LIBTORCH)
  set(llm2clip_libtorch ${LLM2CLIP_LIBTORCH})
elseif(DEFINED ENV{LLM2CLIP_LIBTORCH})
  set(llm2clip_libtorch $ENV{LLM2CLIP_LIBTORCH})
else()
  include(PythonPackage)
  llm2clip_python_package(torch llm2clip_libtorch)
endif()
if(NOT llm2clip_libtorch)
  message(FATAL_ERROR "LibTorch not found: run scripts/setup, or set LLM2CLIP_LIBTORCH to an unpacked LibTorch")
endif()

set(LLM2CLIP_LIBTORCH_FOUND ${llm2clip_libtorch} CACHE INTERNAL "the LibTorch in use")
if(EXISTS ${llm2clip_libtorch}/lib/libtorch_cuda.so)
  # The CMake files of a CUDA build want the CUDA toolkit. We use nothing of it: src/encoder speaks to
  # a device through LibTorch's interface for all of them. libtorch.so brings libtorch_cuda.so along,
  # and linkers that drop what no symbol is taken from must keep it. libstdc++ goes first, because
  # libtorch.so 2.11 exports parts of std::filesystem that crash when others call them.
  set(lib ${llm2clip_libtorch}/lib)
  set(TORCH_INCLUDE_DIRS
    ${llm2clip_libtorch}/include ${llm2clip_libtorch}/include/torch/csrc/api/include)
  set(TORCH_LIBRARIES
    -Wl,--push-state,--no-as-needed -lstdc++ ${lib}/libtorch.so -Wl,--pop-state
    ${lib}/libtorch_cpu.so ${lib}/libc10.so)
else()
  find_package(Torch REQUIRED PATHS ${llm2clip_libtorch} NO_DEFAULT_PATH)
  if(LLM2CLIP_WHEEL)  # which runs with a CUDA LibTorch as well
    list(PREPEND TORCH_LIBRARIES -Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state)
  endif()
endif()

# The OpenMP that LibTorch itself runs on: a second one would have threads of its own.
file(GLOB llm2clip_openmp ${llm2clip_libtorch}/lib/libgomp*.so*)
if(NOT llm2clip_openmp)
  set(llm2clip_openmp $<$<CXX_COMPILER_ID:GNU>:gomp>)
endif()
if(LLM2CLIP_WHEEL)  # torch's wheels give it different names, and libtorch_cpu.so brings it along
  set(llm2clip_openmp)
endif()

add_library(llm2clip_torch INTERFACE)
target_include_directories(llm2clip_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(llm2clip_torch INTERFACE ${TORCH_LIBRARIES} ${llm2clip_openmp})
