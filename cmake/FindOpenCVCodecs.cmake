# OpenCV's imgcodecs and imgproc. Debian ships OpenCV's own CMake files only with the whole of
# OpenCV, so this looks for the three libraries themselves. Defines the target llm2clip_opencv.
if(TARGET llm2clip_opencv)
  return()
endif()

find_path(LLM2CLIP_OPENCV_INCLUDE opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4 REQUIRED)
add_library(llm2clip_opencv INTERFACE)
target_include_directories(llm2clip_opencv SYSTEM INTERFACE ${LLM2CLIP_OPENCV_INCLUDE})
foreach(part imgcodecs imgproc core)
  find_library(LLM2CLIP_OPENCV_${part} opencv_${part} REQUIRED)
  target_link_libraries(llm2clip_opencv INTERFACE ${LLM2CLIP_OPENCV_${part}})
endforeach()
