#include "base/line_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/unique_fd.h"
#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

std::string Notice(std::uint64_t count, std::string_view why) {
  return fmt::format("({} lost: {})\n", count, why);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }

  /// Reads until `end` has come.
  std::string ReadUntil(std::string_view end) const {
    std::string text;
    std::array<char, 4096> bytes{};
    while (text.find(end) == std::string::npos) {
      const ssize_t count = ::read(read.get(), bytes.data(), bytes.size());
      if (count <= 0) {
        break;
      }
      text.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  UniqueFd read;
  UniqueFd write;
};

TEST(LineWriterTest, WritesLinesInTheirOrder) {
  const Pipe pipe;
  LineWriter& writer = *LineWriter::Create(pipe.write.get(), {.notice = Notice});
  writer.Write("one\n");
  writer.Write("two\n");
  EXPECT_TRUE(writer.Flush(60s));
  EXPECT_EQ(pipe.ReadUntil("two\n"), "one\ntwo\n");
  EXPECT_EQ(writer.pending(), 0U);
}

TEST(LineWriterTest, AReaderThatStallsHoldsNobodyUp) {
  const Pipe pipe;
  LineWriter& writer = *LineWriter::Create(pipe.write.get(), {.max_bytes = 1 << 20, .max_lines = 50, .notice = Notice});
  const std::string line(4095, 'x');
  constexpr std::size_t kLines = 1000;
  for (std::size_t i = 0; i < kLines; ++i) {
    writer.Write(line + "\n");
  }
  EXPECT_FALSE(writer.Flush(10ms));
  EXPECT_LE(writer.pending(), 51U) << "the queue and the line that is being written";
  // Lines may be taken again between two losses, so that each loss has a notice of its own.
  std::string text;
  std::size_t written = 0;
  std::size_t lost = 0;
  while (written + lost < kLines) {
    text += pipe.ReadUntil("\n");
    written = lost = 0;
    const std::vector<std::string> whole =
        absl::StrSplit(text.substr(0, text.rfind('\n') + 1), '\n', absl::SkipEmpty());
    for (const std::string& read : whole) {
      std::size_t count = 0;
      const bool notice = std::sscanf(read.c_str(), "(%zu lost: they were not read in time)", &count) == 1;
      lost += count;
      written += notice ? 0 : 1;
    }
  }
  EXPECT_TRUE(writer.Flush(60s));
  EXPECT_EQ(written + lost, kLines);
  EXPECT_GE(written, 50U);
  writer.Write("after\n");
  EXPECT_EQ(pipe.ReadUntil("after\n"), "after\n") << "what was said once is not said again";
}

TEST(LineWriterTest, BoundsTheBytesThatWait) {
  const Pipe pipe;
  LineWriter& writer = *LineWriter::Create(pipe.write.get(), {.max_bytes = 10'000, .notice = Notice});
  writer.Write(std::string(10'001, 'x') + "\n");
  writer.Write("short\n");
  EXPECT_EQ(pipe.ReadUntil("short\n"), "(1 lost: they were not read in time)\nshort\n");
}

TEST(LineWriterTest, LinesThatCannotBeWrittenAreCounted) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  LineWriter& writer = *LineWriter::Create(pipe.write.get(), {.notice = Notice});
  pipe.read = UniqueFd();
  writer.Write("lost\n");
  writer.Write("lost\n");
  ASSERT_TRUE(writer.Flush(60s));
  // A reader again, as for a FIFO.
  Pipe other;
  ASSERT_EQ(dup2(other.write.get(), pipe.write.get()), pipe.write.get());
  writer.Write("seen\n");
  EXPECT_EQ(other.ReadUntil("seen\n"), "(2 lost: Broken pipe)\nseen\n");
}

TEST(LineWriterTest, AFullDiskIsNotTriedWithoutEnd) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  LineWriter& writer = *LineWriter::Create(full.get(), {.notice = Notice});
  for (int i = 0; i < 3; ++i) {
    writer.Write("lost\n");
  }
  ASSERT_TRUE(writer.Flush(60s));
  const Pipe pipe;
  ASSERT_EQ(dup2(pipe.write.get(), full.get()), full.get());
  writer.Write("seen\n");
  EXPECT_EQ(pipe.ReadUntil("seen\n"), "(3 lost: No space left on device)\nseen\n");
}

TEST(WriteTextTest, GivesUpOnAReaderThatStalls) {
  const Pipe pipe;
  const std::string text(1 << 20, 'x');
  std::string_view rest = text;
  EXPECT_EQ(WriteText(pipe.write.get(), rest, 10ms), ETIMEDOUT);
  EXPECT_LT(rest.size(), text.size());
  fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  EXPECT_EQ(WriteText(pipe.write.get(), rest, 10ms), ETIMEDOUT);
}

}  // namespace
}  // namespace accelerd
