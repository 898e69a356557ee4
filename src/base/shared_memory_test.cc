#include "base/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(SharedRegionTest, IsTheSameMemoryInBothMappings) {
  const std::shared_ptr<SharedRegion> region = SharedRegion::Create(100).value();
  ASSERT_EQ(region->bytes().size(), 100U);
  ASSERT_TRUE(region->Reserve(0, 100).ok());
  EXPECT_EQ(region->bytes()[99], std::byte{0});
  const Mapping other = Mapping::Map(region->descriptor(), 100, Mapping::Access::kWrite).value();
  other.bytes()[99] = std::byte{7};
  EXPECT_EQ(region->bytes()[99], std::byte{7});
}

TEST(SharedRegionTest, HasAnIdOfItsOwn) {
  const std::uint64_t first = SharedRegion::Create(1).value()->id();
  EXPECT_NE(first, 0U);
  EXPECT_NE(SharedRegion::Create(1).value()->id(), first);
}

TEST(SharedRegionTest, CannotShrinkOrGrow) {
  const std::shared_ptr<SharedRegion> region = SharedRegion::Create(4096).value();
  EXPECT_NE(ftruncate(region->descriptor(), 0), 0);
  EXPECT_NE(ftruncate(region->descriptor(), 8192), 0);
  EXPECT_TRUE(CheckSealed(region->descriptor(), 4096, false).ok());
  EXPECT_FALSE(CheckSealed(region->descriptor(), 4097, false).ok());
  EXPECT_FALSE(CheckSealed(region->descriptor(), 4096, true).ok());
}

TEST(SharedRegionTest, IsNotWritableThroughAReadOnlyDescriptor) {
  const std::shared_ptr<SharedRegion> region = SharedRegion::Create(4096).value();
  const UniqueFd read_only = region->OpenReadOnly().value();
  EXPECT_EQ(Mapping::Map(read_only.get(), 4096, Mapping::Access::kWrite).status().code(),
            absl::StatusCode::kInvalidArgument);
  const Mapping mapping = Mapping::Map(read_only.get(), 4096, Mapping::Access::kRead).value();
  EXPECT_NE(mprotect(mapping.bytes().data(), 4096, PROT_READ | PROT_WRITE), 0);
  region->bytes()[0] = std::byte{1};
  EXPECT_EQ(mapping.bytes()[0], std::byte{1});
}

TEST(SharedRegionTest, RefusesWhatNoMachineHas) {
  EXPECT_EQ(SharedRegion::Create(SIZE_MAX).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(SharedRegion::Create(std::size_t{1} << 62).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(SealedFileTest, HoldsItsContentsForGood) {
  const UniqueFd file = MakeSealedFile("contents").value();
  ASSERT_TRUE(CheckSealed(file.get(), 8, true).ok());
  const Mapping mapping = Mapping::Map(file.get(), 8, Mapping::Access::kRead).value();
  EXPECT_EQ(std::memcmp(mapping.bytes().data(), "contents", 8), 0);
  EXPECT_LT(write(file.get(), "x", 1), 0);
}

TEST(SealedFileTest, OtherFilesAreRefused) {
  EXPECT_FALSE(CheckSealed(-1, 0, false).ok());
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(CheckSealed(null.get(), 0, false).ok());
}

}  // namespace
}  // namespace accelerd
