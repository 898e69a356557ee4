#include "base/shared_buffers.h"

#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

constexpr BufferPool::Kind kShared = BufferPool::Kind::kShared;

std::shared_ptr<SharedRegion> RegionOf(const std::shared_ptr<Buffer>& buffer) {
  return buffer->shared()->region;
}

TEST(SharedBuffersTest, HeapBuffersAreNotShared) {
  EXPECT_EQ(AllocateBuffer(8).value()->shared(), nullptr);
  BufferPool pool(1000);
  EXPECT_EQ(pool.Allocate(8).value()->shared(), nullptr);
}

TEST(SharedBuffersTest, SaysWhereTheBytesLie) {
  BufferPool pool(1 << 20, kShared);
  const std::shared_ptr<Buffer> first = pool.Allocate(1000).value();
  const std::shared_ptr<Buffer> second = pool.Allocate(1000).value();
  EXPECT_EQ(RegionOf(first), RegionOf(second));
  for (const std::shared_ptr<Buffer>& buffer : {first, second}) {
    ASSERT_EQ(buffer->bytes().size(), 1000U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->bytes().data()) % 64, 0U);
    EXPECT_EQ(RegionOf(buffer)->bytes().data() + buffer->shared()->offset, buffer->bytes().data());
  }
  EXPECT_GE(second->shared()->offset, first->shared()->offset + 1000);
}

TEST(SharedBuffersTest, RecyclesTheLastOneOfItsSize) {
  BufferPool pool(1 << 20, kShared);
  std::shared_ptr<Buffer> first = pool.Allocate(1000).value();
  const std::shared_ptr<Buffer> second = pool.Allocate(1000).value();
  const std::byte* address = first->bytes().data();
  first.reset();
  EXPECT_NE(RegionOf(pool.Allocate(2000).value()), RegionOf(second));
  EXPECT_EQ(pool.Allocate(1000).value()->bytes().data(), address);
}

TEST(SharedBuffersTest, LargeBuffersHaveARegionEach) {
  BufferPool pool(std::size_t{64} << 20, kShared);
  const std::shared_ptr<Buffer> first = pool.Allocate(5 << 20).value();
  const std::shared_ptr<Buffer> second = pool.Allocate(5 << 20).value();
  EXPECT_NE(RegionOf(first), RegionOf(second));
}

TEST(SharedBuffersTest, EmptyBuffersHaveAPlaceToo) {
  BufferPool pool(1000, kShared);
  const std::shared_ptr<Buffer> buffer = pool.Allocate(0).value();
  EXPECT_TRUE(buffer->bytes().empty());
  EXPECT_NE(buffer->shared(), nullptr);
}

TEST(SharedBuffersTest, RegionsGoWhenTooMuchIsIdle) {
  BufferPool pool(std::size_t{5} << 20, kShared);
  std::shared_ptr<Buffer> kept = pool.Allocate(1000).value();
  std::shared_ptr<Buffer> large = pool.Allocate(std::size_t{4} << 20).value();
  std::shared_ptr<Buffer> last = pool.Allocate(std::size_t{3} << 20).value();
  const std::weak_ptr<SharedRegion> kept_region = RegionOf(kept);
  const std::weak_ptr<SharedRegion> large_region = RegionOf(large);
  const std::weak_ptr<SharedRegion> last_region = RegionOf(last);
  large.reset();
  EXPECT_FALSE(large_region.expired());
  last.reset();
  EXPECT_TRUE(large_region.expired());
  EXPECT_FALSE(last_region.expired());
  kept.reset();
  EXPECT_FALSE(kept_region.expired());
}

TEST(SharedBuffersTest, BuffersMayOutliveThePool) {
  auto pool = std::make_unique<BufferPool>(1 << 20, kShared);
  std::shared_ptr<Buffer> buffer = pool->Allocate(64).value();
  pool.reset();
  buffer->bytes()[63] = std::byte{1};
  const std::weak_ptr<SharedRegion> region = RegionOf(buffer);
  buffer.reset();
  EXPECT_TRUE(region.expired());
}

TEST(SharedBuffersTest, RefusesWhatNoMachineHas) {
  BufferPool pool(1000, kShared);
  EXPECT_EQ(pool.Allocate(SIZE_MAX).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(pool.Allocate(SIZE_MAX / 4).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(SharedBuffersTest, NeverLendsASlotTwice) {
  BufferPool pool(1 << 16, kShared);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::shared_ptr<Buffer> one = pool.Allocate(64 * (1 + i % 3)).value();
        const std::shared_ptr<Buffer> other = pool.Allocate(20000).value();
        one->bytes()[0] = std::byte(t);
        other->bytes()[0] = std::byte(t);
        ASSERT_EQ(one->bytes()[0], std::byte(t));
        ASSERT_EQ(other->bytes()[0], std::byte(t));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace accelerd
