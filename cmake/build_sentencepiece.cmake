# cmake -Dfolder=F -Dsource=S -Dcompiler=C -Dflags=F -Dgenerator=G -Dlauncher=L -P build_sentencepiece.cmake
# Compiles cmake/sentencepiece into the folder, unless another build tree has done so.
file(MAKE_DIRECTORY ${folder})
# Two build trees may come here at the same time.
file(LOCK ${folder} DIRECTORY GUARD PROCESS)
if(EXISTS ${folder}/libsentencepiece.a)
  return()
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -G ${generator} -S ${CMAKE_CURRENT_LIST_DIR}/sentencepiece -B ${folder}/build
    -Dsource=${source} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_CXX_FLAGS=${flags}
    -DCMAKE_CXX_COMPILER_LAUNCHER=${launcher}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${folder}/build --parallel ${cores}
  OUTPUT_FILE ${folder}/log RESULT_VARIABLE failed)
if(failed)
  file(READ ${folder}/log log)
  message(FATAL_ERROR "SentencePiece does not compile:\n${log}")
endif()
# Named last, so that what has this name is whole.
file(RENAME ${folder}/build/libsentencepiece.a ${folder}/libsentencepiece.a)
