# USearch's graph, one header. Its loops over numbers, and the library that chooses among them, are left
# alone: distances are our own (src/index/row_products.h).
# Defines the target llm2clip_usearch.
if(TARGET llm2clip_usearch)
  return()
endif()

include(PythonSource)
llm2clip_python_source(usearch USearch include/usearch/index.hpp "include/ and LICENSE" llm2clip_usearch_source)

add_library(llm2clip_usearch INTERFACE)
target_include_directories(llm2clip_usearch SYSTEM INTERFACE ${llm2clip_usearch_source}/include)
