# SentencePiece from its source, static and hidden inside our library. Debian has it only as a shared
# library, which exports FLAGS_minloglevel, and so does libc10: an object of 32 bytes in one, an int
# in the other. In a program that loads LibTorch first the shared one writes over libc10's memory.
# Its own CMake files install and package things, so the list of sources is ours.
# Defines the target llm2clip_sentencepiece.
if(TARGET llm2clip_sentencepiece)
  return()
endif()

set(LLM2CLIP_SENTENCEPIECE "" CACHE PATH "Source of SentencePiece; empty: .deps/sentencepiece, made by scripts/setup")
if(LLM2CLIP_SENTENCEPIECE)
  set(llm2clip_spm ${LLM2CLIP_SENTENCEPIECE})
elseif(DEFINED ENV{LLM2CLIP_SENTENCEPIECE})
  set(llm2clip_spm $ENV{LLM2CLIP_SENTENCEPIECE})
else()
  set(llm2clip_spm ${PROJECT_SOURCE_DIR}/.deps/sentencepiece)
endif()
set(LLM2CLIP_SENTENCEPIECE_SOURCE ${llm2clip_spm} CACHE INTERNAL "where the licences are")
if(NOT EXISTS ${llm2clip_spm}/src/sentencepiece_processor.cc)
  message(FATAL_ERROR "SentencePiece's source is not in ${llm2clip_spm}: run scripts/setup, or set "
    "LLM2CLIP_SENTENCEPIECE to the folder of its source that has src/ and third_party/")
endif()

find_package(Threads REQUIRED)
file(STRINGS ${llm2clip_spm}/VERSION.txt llm2clip_spm_version)
file(GLOB llm2clip_spm_protobuf ${llm2clip_spm}/third_party/protobuf-lite/*.cc)
set(llm2clip_spm_config ${CMAKE_CURRENT_BINARY_DIR}/sentencepiece/config.h)
file(CONFIGURE OUTPUT ${llm2clip_spm_config} CONTENT [[
#pragma once
#define VERSION "@llm2clip_spm_version@"
#define PACKAGE "sentencepiece"
#define PACKAGE_STRING "sentencepiece"
#define INSTALL_DATADIR ""
]] @ONLY)

add_library(llm2clip_sentencepiece STATIC EXCLUDE_FROM_ALL
  ${llm2clip_spm_protobuf}
  ${llm2clip_spm}/src/builtin_pb/sentencepiece.pb.cc
  ${llm2clip_spm}/src/builtin_pb/sentencepiece_model.pb.cc
  ${llm2clip_spm}/src/bpe_model.cc
  ${llm2clip_spm}/src/char_model.cc
  ${llm2clip_spm}/src/error.cc
  ${llm2clip_spm}/src/filesystem.cc
  ${llm2clip_spm}/src/model_factory.cc
  ${llm2clip_spm}/src/model_interface.cc
  ${llm2clip_spm}/src/normalizer.cc
  ${llm2clip_spm}/src/sentencepiece_processor.cc
  ${llm2clip_spm}/src/unigram_model.cc
  ${llm2clip_spm}/src/util.cc
  ${llm2clip_spm}/src/word_model.cc
  ${llm2clip_spm}/third_party/absl/flags/flag.cc)
set_target_properties(llm2clip_sentencepiece PROPERTIES
  POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
target_compile_definitions(llm2clip_sentencepiece PRIVATE _USE_INTERNAL_STRING_VIEW HAVE_PTHREAD=1)
target_compile_options(llm2clip_sentencepiece PRIVATE -w)
target_include_directories(llm2clip_sentencepiece
  SYSTEM INTERFACE ${llm2clip_spm}/src
  PRIVATE
    ${llm2clip_spm} ${llm2clip_spm}/src/builtin_pb ${llm2clip_spm}/third_party
    ${llm2clip_spm}/third_party/absl ${llm2clip_spm}/third_party/protobuf-lite
    ${CMAKE_CURRENT_BINARY_DIR}/sentencepiece)
target_link_libraries(llm2clip_sentencepiece PRIVATE Threads::Threads)
