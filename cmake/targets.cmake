# One static library and one test program a folder of src/.

add_library(accelerd_options INTERFACE)
target_include_directories(accelerd_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(accelerd_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual $<$<BOOL:${ACCELERD_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++'s own algorithms use what it calls deprecated.
  target_compile_options(accelerd_options INTERFACE -Wno-deprecated-declarations)
endif()
if(ACCELERD_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False positives of g++ 12 in instrumented code.
    target_compile_options(accelerd_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_compile_options(accelerd_options INTERFACE
    -fsanitize=${ACCELERD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(accelerd_options INTERFACE -fsanitize=${ACCELERD_SANITIZE})
endif()

# The daemon parses foreign bytes: what the compiler and the linker can do against memory errors is on.
# scripts/check_binary verifies the result. Sanitizers do better and do not go with these flags.
if(NOT ACCELERD_SANITIZE)
  target_compile_options(accelerd_options INTERFACE -fPIE -fstack-protector-strong -fstack-clash-protection)
  target_compile_definitions(accelerd_options INTERFACE $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=2>)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(accelerd_options INTERFACE -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
    target_compile_options(accelerd_options INTERFACE -mbranch-protection=standard)
  endif()
  target_link_options(accelerd_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# accelerd_library(base SOURCES a.cc b.cc DEPENDS absl::status PRIVATE_DEPENDS spdlog::spdlog)
function(accelerd_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(accelerd_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(accelerd_${name}
    PUBLIC accelerd_options ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
endfunction()

# accelerd_test(base SOURCES a_test.cc DEPENDS accelerd_base) makes the program base_test.
function(accelerd_test name)
  if(NOT ACCELERD_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
  add_test(NAME ${name}_test COMMAND ${name}_test)
endfunction()
