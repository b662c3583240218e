# USearch's graph, one header. Its loops over numbers, and the library that chooses among them, are left
# alone: distances are our own (src/index/row_products.h).
# Defines the target llm2clip_usearch.
if(TARGET llm2clip_usearch)
  return()
endif()

set(LLM2CLIP_USEARCH "" CACHE PATH "Source of USearch; empty: .deps/usearch, made by scripts/setup")
if(LLM2CLIP_USEARCH)
  set(llm2clip_usearch_source ${LLM2CLIP_USEARCH})
elseif(DEFINED ENV{LLM2CLIP_USEARCH})
  set(llm2clip_usearch_source $ENV{LLM2CLIP_USEARCH})
else()
  set(llm2clip_usearch_source ${PROJECT_SOURCE_DIR}/.deps/usearch)
endif()
set(LLM2CLIP_USEARCH_SOURCE ${llm2clip_usearch_source} CACHE INTERNAL "where the license is")
if(NOT EXISTS ${llm2clip_usearch_source}/include/usearch/index.hpp)
  message(FATAL_ERROR "USearch's source is not in ${llm2clip_usearch_source}: run scripts/setup, or set "
    "LLM2CLIP_USEARCH to the folder of its source that has include/ and LICENSE")
endif()

add_library(llm2clip_usearch INTERFACE)
target_include_directories(llm2clip_usearch SYSTEM INTERFACE ${llm2clip_usearch_source}/include)
