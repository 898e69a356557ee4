#ifndef ACCELERD_BACKEND_TEST_DIRECTORY_H_
#define ACCELERD_BACKEND_TEST_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "gtest/gtest.h"

namespace accelerd {

/// A new folder that goes with its object.
class TestDirectory {
 public:
  TestDirectory() : path_(testing::TempDir() + "backend_test.XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      throw std::runtime_error("cannot create " + path_);
    }
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_TEST_DIRECTORY_H_
