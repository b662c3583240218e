# llm2clip_python_source(NAME TITLE FILE PARTS RESULT): where the source of TITLE is that scripts/setup takes out of
# the archive of the Python package NAME; LLM2CLIP_<NAME>, of CMake or of the environment, names another place. FILE
# must be in it; PARTS says in words what it has. Its folder is RESULT, and LLM2CLIP_<NAME>_SOURCE for the licenses.
function(llm2clip_python_source name title file parts result)
  string(TOUPPER LLM2CLIP_${name} variable)
  set(${variable} "" CACHE PATH "Source of ${title}; empty: .deps/${name}, made by scripts/setup")
  set(source ${PROJECT_SOURCE_DIR}/.deps/${name})
  if(${variable})
    set(source ${${variable}})
  elseif(DEFINED ENV{${variable}})
    set(source $ENV{${variable}})
  endif()
  if(NOT EXISTS ${source}/${file})
    message(FATAL_ERROR "${title}'s source is not in ${source}: run scripts/setup, or set "
      "${variable} to the folder of its source that has ${parts}")
  endif()
  set(${variable}_SOURCE ${source} CACHE INTERNAL "where the licenses are")
  set(${result} ${source} PARENT_SCOPE)
endfunction()
