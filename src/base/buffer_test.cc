#include "base/buffer.h"

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(BufferPoolTest, RecyclesTheLastOneOfItsSize) {
  BufferPool pool(1 << 20);
  std::shared_ptr<Buffer> first = pool.Allocate(1000).value();
  const std::byte* address = first->bytes().data();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(address) % 64, 0U);
  first.reset();
  EXPECT_NE(pool.Allocate(2000).value()->bytes().data(), nullptr);
  EXPECT_EQ(pool.Allocate(1000).value()->bytes().data(), address);
}

TEST(BufferPoolTest, KeepsNoMoreThanItsBound) {
  BufferPool pool(1500);
  std::shared_ptr<Buffer> small = pool.Allocate(1000).value();
  const std::byte* address = small->bytes().data();
  std::byte mark{42};
  small->bytes()[0] = mark;
  small.reset();
  pool.Allocate(1200).value().reset();  // Takes the place of the smaller one.
  std::shared_ptr<Buffer> larger = pool.Allocate(1200).value();
  EXPECT_EQ(larger->bytes().size(), 1200U);
  EXPECT_NE(larger->bytes().data(), address);
}

TEST(BufferPoolTest, BuffersMayOutliveThePool) {
  auto pool = std::make_unique<BufferPool>(1 << 20);
  const std::shared_ptr<Buffer> buffer = pool->Allocate(64).value();
  pool.reset();
  buffer->bytes()[63] = std::byte{1};
}

TEST(BufferPoolTest, IsThreadSafe) {
  BufferPool pool(1 << 16);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 1000; ++i) {
        const std::shared_ptr<Buffer> buffer = pool.Allocate(64 * (1 + i % 3)).value();
        buffer->bytes()[0] = std::byte(t);
        ASSERT_EQ(buffer->bytes()[0], std::byte(t));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace accelerd
