# What `cmake --install` puts where; everything below is relative to the prefix, which may be moved.
# The static library is for projects that add this one: it would have to name LibTorch and the codecs
# to everyone who links it, so an installed package has the shared library only.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(LLM2CLIP_LIBTORCH_RPATH "${LLM2CLIP_LIBTORCH_FOUND}/lib" CACHE STRING
  "Where the installed library looks for LibTorch after the loader's own path; may be empty")
option(LLM2CLIP_BUNDLE "Install LibTorch and every other library but glibc beside ours" OFF)

set(models ${CMAKE_INSTALL_DATADIR}/llm2clip/models)
set(package_files ${CMAKE_INSTALL_LIBDIR}/cmake/llm2clip)
set(licenses ${CMAKE_INSTALL_DATADIR}/doc/llm2clip)
# The commands of the tool, and in a bundle the foreign libraries.
set(private_libraries ${CMAKE_INSTALL_LIBDIR}/llm2clip)

if(LLM2CLIP_WHEEL)  # from lib of our package to a package beside it
  set(LLM2CLIP_LIBTORCH_RPATH "$ORIGIN/../../torch/lib")
endif()

# Not what CMake takes from the linked libraries: LibTorch's CMake files name folders of the machine
# that built it.
set_target_properties(llm2clip PROPERTIES INSTALL_RPATH "${LLM2CLIP_LIBTORCH_RPATH}")
if(LLM2CLIP_BUNDLE)
  # RPATH, not RUNPATH: it also holds for what the bundled libraries need in turn.
  target_link_options(llm2clip PRIVATE -Wl,--disable-new-dtags)
  set_target_properties(llm2clip PROPERTIES INSTALL_RPATH "$ORIGIN/llm2clip")
endif()

if(LLM2CLIP_WHEEL)
  # An archive of files alone: links to a numbered name would be copies.
  set_property(TARGET llm2clip PROPERTY VERSION)
  set_property(TARGET llm2clip PROPERTY SOVERSION)
endif()

install(TARGETS llm2clip EXPORT llm2clip
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/llm2clip
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT llm2clip FILE llm2clipTargets.cmake NAMESPACE llm2clip::
  DESTINATION ${package_files} COMPONENT development)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/install/llm2clipConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/llm2clipConfig.cmake
  INSTALL_DESTINATION ${package_files} PATH_VARS models)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/llm2clipConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/llm2clipConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/llm2clipConfigVersion.cmake
  DESTINATION ${package_files} COMPONENT development)

file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" to_prefix ${to_prefix})
configure_file(${PROJECT_SOURCE_DIR}/cmake/install/llm2clip.pc.in
  ${CMAKE_CURRENT_BINARY_DIR}/llm2clip.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/llm2clip.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/demo DESTINATION ${models} COMPONENT runtime)

# Licenses: ours, and those of what is compiled into the library or the program.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${licenses} COMPONENT runtime)
foreach(part "" third_party/absl third_party/darts_clone third_party/protobuf-lite)
  install(FILES ${LLM2CLIP_SENTENCEPIECE_SOURCE}/${part}/LICENSE
    DESTINATION ${licenses}/licenses/sentencepiece/${part} COMPONENT runtime)
endforeach()
install(FILES ${LLM2CLIP_USEARCH_SOURCE}/LICENSE
  DESTINATION ${licenses}/licenses/usearch COMPONENT runtime)
foreach(package nlohmann-json3-dev libcli11-dev libhwy-dev libboost1.81-dev)
  install(FILES /usr/share/doc/${package}/copyright
    DESTINATION ${licenses}/licenses/${package} COMPONENT runtime OPTIONAL)
endforeach()

if(LLM2CLIP_BUILD_TOOLS)
  file(RELATIVE_PATH to_libraries /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(llm2clip_cli PROPERTIES
    EXPORT_NAME command INSTALL_RPATH "$ORIGIN/${to_libraries}/llm2clip")
  # The commands find the library beside their folder and, of a bundle, libarchive beside themselves.
  set_target_properties(llm2clip_commands llm2clip_serve PROPERTIES INSTALL_RPATH "$ORIGIN/..")
  if(LLM2CLIP_BUNDLE)
    foreach(module llm2clip_commands llm2clip_serve)
      target_link_options(${module} PRIVATE -Wl,--disable-new-dtags)
    endforeach()
    set_property(TARGET llm2clip_commands APPEND PROPERTY INSTALL_RPATH "$ORIGIN")
    set(bundled_commands ${PROJECT_BINARY_DIR}/tools/llm2clip/llm2clip-commands.so)
  endif()
  install(TARGETS llm2clip_cli EXPORT llm2clip_command RUNTIME COMPONENT runtime)
  install(TARGETS llm2clip_commands llm2clip_serve DESTINATION ${private_libraries} COMPONENT runtime)
  install(EXPORT llm2clip_command FILE llm2clipCommandTargets.cmake NAMESPACE llm2clip::
    DESTINATION ${package_files} COMPONENT development)
  set(cli_files ${PROJECT_BINARY_DIR}/tools/llm2clip/files)
  install(DIRECTORY ${cli_files}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
  install(FILES ${cli_files}/bash/llm2clip
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT runtime)
  install(FILES ${cli_files}/zsh/_llm2clip
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT runtime)
  install(FILES ${cli_files}/fish/llm2clip.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT runtime)
endif()

# Modules that are loaded where they are first used. FFmpeg is the system's, for a bundle as well.
# Arrow is a wheel's: a bundle brings it along, anything else finds it as it finds LibTorch.
if(LLM2CLIP_FILMS)
  install(TARGETS llm2clip_films DESTINATION ${private_libraries} COMPONENT films)
endif()
if(LLM2CLIP_PARQUET)
  set(LLM2CLIP_PYARROW_RPATH "${LLM2CLIP_PYARROW}" CACHE STRING
    "Where the installed module looks for Arrow after the loader's own path; may be empty")
  if(LLM2CLIP_WHEEL)  # from lib/llm2clip of ours to a package beside it
    set(LLM2CLIP_PYARROW_RPATH "$ORIGIN/../../../pyarrow")
  endif()
  set_target_properties(llm2clip_parquet PROPERTIES INSTALL_RPATH "${LLM2CLIP_PYARROW_RPATH}")
  if(LLM2CLIP_BUNDLE)
    target_link_options(llm2clip_parquet PRIVATE -Wl,--disable-new-dtags)
    set_target_properties(llm2clip_parquet PROPERTIES INSTALL_RPATH "$ORIGIN")
    set(bundled_parquet ${PROJECT_BINARY_DIR}/src/libllm2clip-parquet.so)
  endif()
  install(TARGETS llm2clip_parquet DESTINATION ${private_libraries} COMPONENT parquet)
endif()

if(LLM2CLIP_WHEEL)
  # Takes the place of Debian's, which is under the GPL, when scripts/make-wheel puts libraries into the wheel.
  add_library(llm2clip_jbig SHARED ${PROJECT_SOURCE_DIR}/cmake/install/no_jbig.cpp)
  target_link_libraries(llm2clip_jbig PRIVATE llm2clip_options)
  set_target_properties(llm2clip_jbig PROPERTIES
    OUTPUT_NAME jbig SOVERSION 0 LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/no_jbig CXX_VISIBILITY_PRESET default)
  set(bundled_commands ${PROJECT_BINARY_DIR}/tools/llm2clip/llm2clip-commands.so
    ${PROJECT_BINARY_DIR}/tools/llm2clip/llm2clip-serve.so)
endif()
if(LLM2CLIP_BUNDLE OR LLM2CLIP_WHEEL)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/install/bundle.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/bundle.cmake @ONLY)
  install(SCRIPT ${CMAKE_CURRENT_BINARY_DIR}/bundle.cmake COMPONENT bundle)
endif()

set(CPACK_PACKAGE_VENDOR "llm2clip")
set(CPACK_PACKAGE_CONTACT "llm2clip <llm2clip@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "embeddings of images and texts with LLM2CLIP")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_FILE_NAME llm2clip-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_THREADS 0)
if(LLM2CLIP_BUNDLE)
  set(CPACK_GENERATOR TGZ)
else()
  set(CPACK_GENERATOR DEB)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# LibTorch and Arrow are no Debian packages: their libraries must be found, and then depend on nothing.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${LLM2CLIP_LIBTORCH_FOUND}/lib" ${LLM2CLIP_PYARROW})
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Runs the LLM2CLIP family of models: a C++ library and a command that embed
images and texts and classify images by labels of your choice.
.
LibTorch is not in this package and not in Debian. Unpack one of the version
that this package was built with to /opt/libtorch, or name the folder of its
libraries to the loader: LD_LIBRARY_PATH, or a file in /etc/ld.so.conf.d.")
# Packages of their own: whoever embeds no films needs none of FFmpeg, nor Arrow without Parquet.
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_MAIN_PACKAGE_NAME llm2clip)
set(CPACK_DEBIAN_FILMS_PACKAGE_NAME llm2clip-films)
set(CPACK_DEBIAN_FILMS_PACKAGE_DEPENDS "llm2clip (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PARQUET_PACKAGE_NAME llm2clip-parquet)
set(CPACK_DEBIAN_PARQUET_PACKAGE_DEPENDS "llm2clip (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_MAIN_PACKAGE_SUGGESTS "llm2clip-films, llm2clip-parquet")
set(CPACK_COMPONENT_GROUP_MAIN_DESCRIPTION "${CPACK_DEBIAN_PACKAGE_DESCRIPTION}")
set(CPACK_COMPONENT_FILMS_DESCRIPTION "llm2clip reads films: frames of MP4, MOV, Matroska, WebM and AVI, by FFmpeg")
set(CPACK_COMPONENT_PARQUET_DESCRIPTION
"llm2clip writes Parquet files and rows for clip-retrieval, by Arrow
Arrow is not in this package and not in Debian. Install PyPI's pyarrow of the
version that this package was built with to /opt (pip install --target /opt
pyarrow), or name its folder to the loader: LD_LIBRARY_PATH, or a file in
/etc/ld.so.conf.d.")
include(CPack)
cpack_add_component(runtime GROUP main)
cpack_add_component(development GROUP main)
cpack_add_component(bundle GROUP main)
cpack_add_component(films GROUP films)
cpack_add_component(parquet GROUP parquet)
