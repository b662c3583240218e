# llm2clip_python_package(NAME RESULT): the folder of a Python package that has libraries to build with: in the
# project-local .venv that scripts/setup makes, else, where pip builds a wheel, of the Python that it builds with.
# Nothing where neither has it.
function(llm2clip_python_package name result)
  file(GLOB folder LIST_DIRECTORIES ON ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/${name})
  if(NOT folder AND LLM2CLIP_WHEEL)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c "import importlib.util as u; s = u.find_spec('${name}'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  endif()
  set(${result} "${folder}" PARENT_SCOPE)
endfunction()
