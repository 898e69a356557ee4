# What accelerd is built from: Debian's packages, and OpenVINO by OpenVINO_DIR.

find_program(CCACHE ccache)
if(CCACHE)
  # Objects are found again from another checkout of the same sources.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CURL REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenVINO REQUIRED COMPONENTS Runtime)

find_package(PkgConfig REQUIRED)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(spng REQUIRED IMPORTED_TARGET spng)
pkg_check_modules(tiff REQUIRED IMPORTED_TARGET libtiff-4>=4.5)
pkg_check_modules(webp REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(zip REQUIRED IMPORTED_TARGET libzip)

# FlatBuffers' library is its headers alone here; its compiler runs on the machine that builds.
find_program(FLATC flatc REQUIRED)
find_path(FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)

# The imgproc package alone has no CMake package; libopencv-dev would bring in hundreds of others.
find_path(OPENCV_INCLUDE_DIR opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(OPENCV_CORE_LIBRARY opencv_core REQUIRED)
find_library(OPENCV_IMGPROC_LIBRARY opencv_imgproc REQUIRED)
add_library(opencv_imgproc INTERFACE)
target_include_directories(opencv_imgproc SYSTEM INTERFACE ${OPENCV_INCLUDE_DIR})
target_link_libraries(opencv_imgproc INTERFACE ${OPENCV_IMGPROC_LIBRARY} ${OPENCV_CORE_LIBRARY})

if(ACCELERD_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
