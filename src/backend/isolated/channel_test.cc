#include "backend/isolated/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using Wait = Channel::Wait;

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() : sockets_(Channel::CreatePair().value()) {}

  ReceivedMessage Receive() { return std::move(b_.Receive(Wait::kYes).value()).value(); }

  /// What the other end makes of a raw packet.
  absl::StatusCode CodeOf(const std::string& packet) {
    EXPECT_EQ(send(a_.socket(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
    return b_.Receive(Wait::kYes).status().code();
  }

  std::pair<UniqueFd, UniqueFd> sockets_;
  Channel a_{std::move(sockets_.first)};
  Channel b_{std::move(sockets_.second)};
};

TEST_F(ChannelTest, CarriesMessagesAndDescriptors) {
  EXPECT_FALSE(b_.Receive(Wait::kNo).value().has_value());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  ASSERT_TRUE(a_.Send(MessageType::kOpen, 5, "body", Wait::kNo, write_end.get()).ok());
  ASSERT_TRUE(a_.Send(MessageType::kStop, 6, "", Wait::kNo).ok());
  const ReceivedMessage first = Receive();
  EXPECT_EQ(first.type, MessageType::kOpen);
  EXPECT_EQ(first.sequence, 5U);
  EXPECT_EQ(first.body, "body");
  ASSERT_TRUE(first.descriptor.valid());
  EXPECT_EQ(write(first.descriptor.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(read_end.get(), &byte, 1), 1);
  EXPECT_FALSE(Receive().descriptor.valid());
}

TEST_F(ChannelTest, CarriesLargeBodies) {
  for (const std::size_t size : {65535, 65536, 65537, 5000000}) {
    const std::string body(size, 'x');
    ASSERT_TRUE(a_.Send(MessageType::kCompile, 1, body, Wait::kNo).ok());
    EXPECT_EQ(Receive().body, body);
  }
}

TEST_F(ChannelTest, DoesNotWaitForWhoDoesNotRead) {
  absl::Status status;
  for (int i = 0; i < 1000000 && status.ok(); ++i) {
    status = a_.Send(MessageType::kOpen, 1, "body", Wait::kNo);
  }
  EXPECT_TRUE(absl::IsAborted(status));
}

TEST_F(ChannelTest, NoticesTheEnd) {
  ASSERT_TRUE(a_.Send(MessageType::kOpen, 1, "", Wait::kNo).ok());
  a_.Shutdown();
  EXPECT_EQ(Receive().type, MessageType::kOpen);
  EXPECT_TRUE(absl::IsUnavailable(b_.Receive(Wait::kYes).status()));
  EXPECT_TRUE(absl::IsUnavailable(b_.Send(MessageType::kOpen, 1, "", Wait::kYes)));
}

TEST_F(ChannelTest, RefusesNonsense) {
  MessageHeader header;
  header.length = 4;
  const auto packet = [&](std::string_view body) {
    return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + std::string(body);
  };
  EXPECT_EQ(CodeOf(packet("body")), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(packet("bod")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("short"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(packet(std::string(100000, 'x'))), absl::StatusCode::kInvalidArgument);
  header.flags = MessageHeader::kBodyInDescriptor;
  EXPECT_EQ(CodeOf(packet("")), absl::StatusCode::kInvalidArgument);
  header.flags = 0;
  header.magic = 1;
  EXPECT_EQ(CodeOf(packet("body")), absl::StatusCode::kInvalidArgument);
}

TEST_F(ChannelTest, RefusesBodiesThatCouldChange) {
  const std::shared_ptr<SharedRegion> region = SharedRegion::Create(100).value();
  MessageHeader header;
  header.length = 100;
  header.flags = MessageHeader::kBodyInDescriptor;
  iovec part{&header, sizeof(header)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control;
  packet.msg_controllen = sizeof(control);
  CMSG_FIRSTHDR(&packet)->cmsg_level = SOL_SOCKET;
  CMSG_FIRSTHDR(&packet)->cmsg_type = SCM_RIGHTS;
  CMSG_FIRSTHDR(&packet)->cmsg_len = CMSG_LEN(sizeof(int));
  *reinterpret_cast<int*>(CMSG_DATA(CMSG_FIRSTHDR(&packet))) = region->descriptor();
  ASSERT_GT(sendmsg(a_.socket(), &packet, 0), 0);
  EXPECT_EQ(b_.Receive(Wait::kYes).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace accelerd
