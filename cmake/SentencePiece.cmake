# SentencePiece from its source, static and hidden inside our library. Debian has it only as a shared
# library, which exports FLAGS_minloglevel, and so does libc10: an object of 32 bytes in one, an int
# in the other. In a program that loads LibTorch first the shared one writes over libc10's memory.
# It is compiled once for all build trees (cmake/sentencepiece).
# Defines the target llm2clip_sentencepiece.
if(TARGET llm2clip_sentencepiece)
  return()
endif()

include(PythonSource)
llm2clip_python_source(sentencepiece SentencePiece src/sentencepiece_processor.cc "src/ and third_party/" llm2clip_spm)

set(LLM2CLIP_DEPS_BUILD "" CACHE PATH "Where SentencePiece is compiled, for every build tree that says the same; empty: in this one")
set(llm2clip_spm_parent ${LLM2CLIP_DEPS_BUILD})
if(NOT llm2clip_spm_parent)
  set(llm2clip_spm_parent ${CMAKE_CURRENT_BINARY_DIR})
endif()

# What changes only how it is checked or debugged is no reason to compile it again.
string(REGEX REPLACE "-(O[^ ]*|g[0-9]?|f(no-)?sanitize[^ ]*|fno-omit-frame-pointer)( |$)" "" llm2clip_spm_flags
  "${CMAKE_CXX_FLAGS} ")
string(STRIP "${llm2clip_spm_flags}" llm2clip_spm_flags)
file(STRINGS ${llm2clip_spm}/VERSION.txt llm2clip_spm_version)
file(SHA256 ${PROJECT_SOURCE_DIR}/cmake/sentencepiece/CMakeLists.txt llm2clip_spm_recipe)
string(SHA256 llm2clip_spm_key "${llm2clip_spm} ${CMAKE_CXX_COMPILER} ${CMAKE_CXX_COMPILER_VERSION} ${llm2clip_spm_flags} ${llm2clip_spm_recipe}")
string(SUBSTRING ${llm2clip_spm_key} 0 12 llm2clip_spm_key)
set(llm2clip_spm_folder ${llm2clip_spm_parent}/sentencepiece-${llm2clip_spm_version}-${llm2clip_spm_key})
set(llm2clip_spm_library ${llm2clip_spm_folder}/libsentencepiece.a)

add_custom_command(OUTPUT ${llm2clip_spm_library}
  COMMAND ${CMAKE_COMMAND} -Dfolder=${llm2clip_spm_folder} -Dsource=${llm2clip_spm}
    -Dcompiler=${CMAKE_CXX_COMPILER} -Dflags=${llm2clip_spm_flags} -Dgenerator=${CMAKE_GENERATOR}
    "-Dlauncher=${CMAKE_CXX_COMPILER_LAUNCHER}" -P ${PROJECT_SOURCE_DIR}/cmake/build_sentencepiece.cmake
  COMMENT "Compiling SentencePiece, once for all build trees" VERBATIM)
add_custom_target(llm2clip_sentencepiece_library DEPENDS ${llm2clip_spm_library})
add_library(llm2clip_sentencepiece STATIC IMPORTED GLOBAL)
add_dependencies(llm2clip_sentencepiece llm2clip_sentencepiece_library)
find_package(Threads REQUIRED)
set_target_properties(llm2clip_sentencepiece PROPERTIES
  IMPORTED_LOCATION ${llm2clip_spm_library} INTERFACE_LINK_LIBRARIES Threads::Threads)
target_include_directories(llm2clip_sentencepiece SYSTEM INTERFACE ${llm2clip_spm}/src)
