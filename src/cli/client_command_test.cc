#include "cli/client_command.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/fake_service.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Json = nlohmann::json;
using Response = FakeService::Response;

std::string Npy(const std::string& descr, const std::string& shape, const std::string& data) {
  const std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}\n", descr, shape);
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  return bytes + header + data;
}

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

class ClientCommandTest : public ::testing::Test {
 protected:
  ClientCommandTest() : folder_(fmt::format("{}accelerd_cli_{}", ::testing::TempDir(), getpid())) {
    std::filesystem::create_directory(folder_);
    setenv("http_proxy", "http://127.0.0.1:1", 1);  // Must not matter.
    unsetenv("ACCELERD_URL");
  }
  ~ClientCommandTest() override { std::filesystem::remove_all(folder_); }

  std::string WriteFile(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::string ReadFile(const std::string& name) {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }

  /// Runs a command against `url_`; what it wrote is in `out_` and `err_`.
  int Run(const std::string& command, std::vector<std::string> args) {
    args.insert(args.end(), {"--url", url_});
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int exit_code = RunClientCommand(command, args);
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return exit_code;
  }

  const std::string folder_;
  std::string url_ = "http://127.0.0.1:1";
  std::string out_;
  std::string err_;
};

TEST_F(ClientCommandTest, StatsForPeopleAndPrograms) {
  const std::string body = R"({"device_seconds":1.5,"completed":3,"clients":[],"models":[]})";
  const FakeService service([&body](const auto&) { return Response{200, body}; });
  url_ = service.url();
  EXPECT_EQ(Run("stats", {}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("3 inferences"));
  EXPECT_EQ(Run("stats", {"--json"}), kExitOk);
  EXPECT_EQ(Json::parse(out_), Json::parse(body));
  EXPECT_EQ(service.requests().back().line, "GET /stats HTTP/1.1");
  EXPECT_EQ(Run("stats", {"--interval", "1ms"}), kExitUsage);
  EXPECT_EQ(Run("stats", {"--interval", "soon"}), kExitUsage);
}

TEST_F(ClientCommandTest, WatchGoesOnUntilTheServiceEnds) {
  int asked = 0;
  const FakeService service([&asked](const auto&) {
    return ++asked <= 2 ? Response{200, R"({"device_seconds":1})"} : Response{503, R"({"error":"it ends"})"};
  });
  url_ = service.url();
  EXPECT_EQ(Run("stats", {"--watch", "--json", "--interval", "100ms"}), kExitFailed);
  EXPECT_EQ(out_, "{\"device_seconds\":1}\n{\"device_seconds\":1}\n");
  EXPECT_THAT(err_, HasSubstr("it ends"));
}

TEST_F(ClientCommandTest, ListsModels) {
  const FakeService service([](const auto&) { return Response{200, R"(["digits","faces"])"}; });
  url_ = service.url() + "/";
  EXPECT_EQ(Run("list", {}), kExitOk);
  EXPECT_EQ(out_, "digits\nfaces\n");
  EXPECT_EQ(Run("list", {"--json"}), kExitOk);
  EXPECT_EQ(out_, "[\"digits\",\"faces\"]\n");
  EXPECT_EQ(service.requests().at(0).line, "GET /list HTTP/1.1");
}

TEST_F(ClientCommandTest, SpeaksOverUnixSockets) {
  const FakeService service([](const auto&) { return Response{200, "[1,3,224,224]"}; }, folder_ + "/s");
  url_ = service.url();
  EXPECT_EQ(Run("shape", {"a b/c"}), kExitOk);
  EXPECT_EQ(out_, "1 3 224 224\n");
  EXPECT_EQ(service.requests().at(0).line, "GET /input/shape/a%20b%2Fc HTTP/1.1");
}

TEST_F(ClientCommandTest, LoadsAndUnloads) {
  const FakeService service([](const FakeService::Request& request) {
    return request.line.find("broken") == std::string::npos && request.body.find("broken") == std::string::npos
               ? Response{201, "{}"}
               : Response{503, R"({"error":"broken.bin is truncated"})"};
  });
  url_ = service.url();
  EXPECT_EQ(Run("load", {"digits", "/srv/models"}), kExitOk);
  EXPECT_EQ(Json::parse(service.requests().at(0).body), Json({{"name", "digits"}, {"path", "/srv/models"}}));
  EXPECT_THAT(out_ + err_, IsEmpty());
  EXPECT_EQ(Run("load", {"broken", "/srv/models"}), kExitFailed);
  EXPECT_EQ(err_, "accelerd: broken: broken.bin is truncated (HTTP 503)\n");
  EXPECT_EQ(Run("unload", {"a", "broken", "b", "--json"}), kExitFailed);
  EXPECT_EQ(out_,
            "[{\"model\":\"a\",\"result\":\"unloaded\"},"
            "{\"error\":\"broken.bin is truncated (HTTP 503)\",\"model\":\"broken\"},"
            "{\"model\":\"b\",\"result\":\"unloaded\"}]\n");
  EXPECT_EQ(service.requests().back().line, "POST /unload/b HTTP/1.1");
}

TEST_F(ClientCommandTest, UnloadingAnAbsentModelFails) {
  const FakeService service([](const FakeService::Request& request) {
    return request.line.starts_with("GET /health ")
               ? Response{200, R"({"models":[{"name":"a","state":"READY"},{"name":"b","state":"FAILED"}]})"}
               : Response{200, "b"};
  });
  url_ = service.url();
  EXPECT_EQ(Run("unload", {"b"}), kExitOk);
  EXPECT_EQ(Run("unload", {"nope"}), kExitFailed);
  EXPECT_EQ(err_, "accelerd: nope: the service has no model of this name\n");
  EXPECT_EQ(service.requests().back().line, "GET /health HTTP/1.1");
}

TEST_F(ClientCommandTest, ClassifiesSeveralFiles) {
  const FakeService service([](const FakeService::Request& request) {
    return request.body.find("bad bytes") == std::string::npos
               ? Response{200, R"([{"class":1,"score":97},{"class":0,"score":2}])"}
               : Response{400, R"({"error":"not an image"})"};
  });
  url_ = service.url();
  const std::string good = WriteFile("good.jpg", "good bytes");
  const std::string bad = WriteFile("bad.jpg", "bad bytes");
  const std::string labels = WriteFile("labels.txt", "zero\r\none\n");
  EXPECT_EQ(Run("classify", {"digits", good, "--labels", labels}), kExitOk);
  EXPECT_EQ(out_, "CLASS  SCORE  LABEL\n    1     97  one\n    0      2  zero\n");
  EXPECT_EQ(service.requests().at(0).line, "POST /classify/file/digits HTTP/1.1");
  EXPECT_THAT(service.requests().at(0).body,
              AllOf(HasSubstr("name=\"file\"; filename=\"good.jpg\""), HasSubstr("good bytes")));

  EXPECT_EQ(Run("classify", {"digits", bad, folder_ + "/none.jpg", good}), kExitFailed);
  EXPECT_THAT(out_, StartsWith("==> " + good + " <==\nCLASS  SCORE\n"));
  EXPECT_EQ(err_, fmt::format("accelerd: {}: not an image (HTTP 400)\n"
                              "accelerd: {}/none.jpg: cannot be read: No such file or directory\n",
                              bad, folder_));

  EXPECT_EQ(Run("classify", {"digits", "--json", bad, good}), kExitFailed);
  const Json document = Json::parse(out_);
  ASSERT_THAT(document, SizeIs(2));
  EXPECT_EQ(document[0], Json({{"file", bad}, {"error", "not an image (HTTP 400)"}}));
  EXPECT_EQ(document[1]["result"][0]["score"], 97);
}

TEST_F(ClientCommandTest, SendsStandardInput) {
  const FakeService service([](const auto&) { return Response{200, "[]"}; });
  url_ = service.url();
  const std::string path = WriteFile("input", "bytes of stdin");
  const int saved = dup(STDIN_FILENO);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(file, STDIN_FILENO), STDIN_FILENO);
  EXPECT_EQ(Run("classify", {"digits", "-", "--json"}), kExitOk);
  dup2(saved, STDIN_FILENO);
  close(saved);
  close(file);
  EXPECT_EQ(out_, "[{\"file\":\"-\",\"result\":[]}]\n");
  EXPECT_THAT(service.requests().at(0).body, HasSubstr("bytes of stdin"));
}

TEST_F(ClientCommandTest, SendsPaths) {
  const FakeService service(
      [](const auto&) { return Response{200, R"([{"class":15,"score":80,"x":1,"y":2,"w":30,"h":40}])"}; });
  url_ = service.url();
  EXPECT_EQ(Run("detect", {"faces", "--path", "/images/a.jpg"}), kExitOk);
  EXPECT_EQ(out_, "CLASS  SCORE  X  Y   W   H\n   15     80  1  2  30  40\n");
  EXPECT_EQ(service.requests().at(0).line, "POST /detect/path/faces HTTP/1.1");
  EXPECT_EQ(service.requests().at(0).body, R"({"path":"/images/a.jpg"})");
}

TEST_F(ClientCommandTest, AsksForAllBoxesOverAThreshold) {
  const FakeService service([](const auto&) { return Response{200, "[]"}; });
  url_ = service.url();
  const std::string image = WriteFile("a.png", "x");
  EXPECT_EQ(Run("detect", {"m", image, "--all", "--threshold", "0.5"}), kExitOk);
  EXPECT_EQ(service.requests().at(0).line, "POST /detect/file/m?threshold=0.5&all=1 HTTP/1.1");
}

TEST_F(ClientCommandTest, PrintsAndWritesOutputs) {
  const std::string npy = Npy("<f4", "(1, 3)", Bytes<float>({0.5F, -1, 0.1F}));
  const FakeService service([npy](const auto&) { return Response{200, npy}; });
  url_ = service.url();
  const std::string image = WriteFile("a.png", "x");
  EXPECT_EQ(Run("infer", {"m", image, "--output", "box/es"}), kExitOk);
  EXPECT_EQ(out_, "shape   (1,3)\ntype    float32\nrange   -1 to 0.5\nvalues  0.5 -1 0.1\n");
  EXPECT_EQ(service.requests().at(0).line, "POST /inference/file/m?output=box%2Fes HTTP/1.1");
  EXPECT_EQ(Run("infer", {"m", image, "--json"}), kExitOk);
  EXPECT_EQ(Json::parse(out_)[0]["result"]["shape"], Json({1, 3}));
  EXPECT_EQ(Json::parse(out_)[0]["result"]["values"][1], -1.0);
  EXPECT_EQ(Run("infer", {"m", image, "-o", folder_ + "/out.npy"}), kExitOk);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_EQ(ReadFile("out.npy"), npy);
  EXPECT_EQ(Run("infer", {"m", image, "-o", "-"}), kExitOk);
  EXPECT_EQ(out_, npy);
  EXPECT_EQ(Run("infer", {"m", image, "-o", folder_ + "/no/out.npy"}), kExitFailed);
  EXPECT_THAT(err_, HasSubstr("cannot write"));
}

TEST_F(ClientCommandTest, SegmentsAndWritesMasks) {
  const std::string npy = Npy("<i4", "(2, 2)", Bytes<std::int32_t>({0, 15, 15, 15}));
  const FakeService service([npy](const auto&) { return Response{200, npy}; });
  url_ = service.url();
  const std::string image = WriteFile("a.png", "x");
  EXPECT_EQ(Run("segment", {"m", image, "-o", folder_ + "/mask.png"}), kExitOk);
  EXPECT_EQ(out_, "CLASS  PIXELS   SHARE\n    0       1  25.0 %\n   15       3  75.0 %\n");
  EXPECT_THAT(ReadFile("mask.png"), StartsWith("\x89PNG"));
  EXPECT_EQ(Run("segment", {"m", image, "--json"}), kExitOk);
  EXPECT_EQ(Json::parse(out_)[0]["result"],
            Json::parse(R"({"rows":2,"columns":2,"classes":[{"class":0,"pixels":1},{"class":15,"pixels":3}]})"));
}

TEST_F(ClientCommandTest, AnswersOfOtherServicesAreErrors) {
  const FakeService service([](const auto&) { return Response{200, "<html>hello</html>"}; });
  url_ = service.url();
  const std::string image = WriteFile("a.png", "x");
  for (const char* command : {"classify", "detect", "segment", "infer"}) {
    EXPECT_EQ(Run(command, {"m", image}), kExitFailed) << command;
    EXPECT_THAT(err_, Not(IsEmpty()));
  }
  EXPECT_EQ(Run("list", {}), kExitFailed);
  EXPECT_THAT(err_, HasSubstr("is this an accelerd service?"));
  EXPECT_EQ(Run("shape", {"m"}), kExitFailed);
}

TEST_F(ClientCommandTest, ErrorsInPlainTextAndMissedFields) {
  std::string body = "model not found";
  const FakeService service([&body](const auto&) { return Response{400, body}; });
  url_ = service.url();
  EXPECT_EQ(Run("shape", {"m"}), kExitFailed);
  EXPECT_EQ(err_, "accelerd: m: model not found (HTTP 400)\n");
  body = R"({"missed":"path"})";
  EXPECT_EQ(Run("load", {"m", "d"}), kExitFailed);
  EXPECT_THAT(err_, HasSubstr("misses \"path\""));
  body = "\x1b[2J";
  EXPECT_EQ(Run("shape", {"m"}), kExitFailed);
  EXPECT_THAT(err_, HasSubstr("\\x1b[2J"));
}

TEST_F(ClientCommandTest, UnreachableServiceSaysWhatToDo) {
  {
    const FakeService gone([](const auto&) { return Response{}; });
    url_ = gone.url();
  }
  const std::string image = WriteFile("a.png", "x");
  EXPECT_EQ(Run("classify", {"m", image, image}), kExitUnreachable);
  EXPECT_THAT(err_, AllOf(StartsWith("accelerd: cannot reach the service at " + url_), HasSubstr("Connection refused"),
                          HasSubstr("accelerd serve"), HasSubstr("--url")));
  EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1);
  url_ = "unix:" + folder_ + "/none";
  EXPECT_EQ(Run("list", {}), kExitUnreachable);
  EXPECT_THAT(err_,
              AllOf(HasSubstr("No such file or directory"), HasSubstr("no such socket"), HasSubstr("accelerd serve")));
  const std::string file = WriteFile("file", "x");
  url_ = "unix:" + file;
  EXPECT_EQ(Run("list", {}), kExitUnreachable);
  EXPECT_THAT(err_, HasSubstr("The file is not a socket"));
  url_ = "http://no-such-host.invalid:5001";
  EXPECT_EQ(Run("list", {}), kExitUnreachable);
  EXPECT_THAT(err_, AllOf(HasSubstr("no-such-host.invalid"), HasSubstr("--url")));
}

TEST_F(ClientCommandTest, GivesUpAfterTheTimeout) {
  // Listens, and never answers.
  std::mutex answer;
  answer.lock();
  const FakeService service([&answer](const auto&) {
    const std::lock_guard wait(answer);
    return Response{};
  });
  url_ = service.url();
  EXPECT_EQ(Run("list", {"--timeout", "100ms"}), kExitFailed);
  EXPECT_THAT(err_, HasSubstr("no answer in time"));
  answer.unlock();
}

TEST_F(ClientCommandTest, UsageErrorsGiveAHint) {
  EXPECT_EQ(Run("classify", {"m"}), kExitUsage);
  EXPECT_THAT(err_, AllOf(StartsWith("accelerd: "), HasSubstr("see accelerd classify --help\n")));
  url_ = "ftp://host";
  EXPECT_EQ(Run("list", {}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("\"ftp://host\" is no URL of a service"));
  url_ = "http://h:1";
  EXPECT_EQ(Run("classify", {"m", "f", "--labels", folder_ + "/none"}), kExitUsage);
  EXPECT_EQ(Run("classify", {"--help"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("accelerd classify"));
}

TEST(FlushOutput, FailsWhenTheDiskIsFull) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) {
    GTEST_SKIP() << "this machine has no /dev/full";
  }
  std::fflush(stdout);
  const int saved = dup(STDOUT_FILENO);
  dup2(full, STDOUT_FILENO);
  ::testing::internal::CaptureStderr();
  WriteOutput("lost");
  const int exit_code = FlushOutput(kExitOk);
  const std::string message = ::testing::internal::GetCapturedStderr();
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(full);
  std::clearerr(stdout);
  EXPECT_EQ(exit_code, kExitFailed);
  EXPECT_THAT(message, HasSubstr("No space left on device"));
}

}  // namespace
}  // namespace accelerd
