#ifndef ACCELERD_FRONTEND_HTTP_SERVER_FIXTURE_H_
#define ACCELERD_FRONTEND_HTTP_SERVER_FIXTURE_H_

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "frontend/http/server.h"
#include "frontend/http/test_client.h"
#include "gtest/gtest.h"

namespace accelerd {

/// For what comes in any case.
inline constexpr std::chrono::seconds kLong{30};

/// A call that waits for the test to answer it.
struct HeldCall {
  CallContext context;
  std::shared_ptr<const HttpRequest> request;
  Responder respond;
};

/// A server with a route for each behaviour.
class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.listen = {{"127.0.0.1", 0, ""}};
    options_.allow_hosts = {"x"};
    const auto echo = [](const CallContext&, const std::shared_ptr<const HttpRequest>& request,
                         const Responder& respond) {
      HttpResponse response;
      response.body.assign(reinterpret_cast<const char*>(request->body.data()), request->body.size());
      respond(std::move(response));
    };
    router_.Add({"GET", "/hello", 0, [](const CallContext& context, const auto&, const Responder& respond) {
                   HttpResponse response;
                   response.body = "hello " + context.client.group;
                   respond(std::move(response));
                 }});
    router_.Add({"POST", "/echo", SIZE_MAX, echo});
    router_.Add({"POST", "/echo_infer", SIZE_MAX, echo, CallKind::kScheduled});
    router_.Add({"POST", "/small", 100, echo});
    router_.Add({"POST", "/hold", SIZE_MAX, [this](CallContext context, auto request, Responder respond) {
                   const std::lock_guard lock(mutex_);
                   held_.push_back({std::move(context), std::move(request), std::move(respond)});
                   changed_.notify_all();
                 }});
    router_.Add({"POST", "/load", SIZE_MAX,
                 [this](CallContext context, auto request, Responder respond) {
                   const std::lock_guard lock(mutex_);
                   held_.push_back({std::move(context), std::move(request), std::move(respond)});
                   changed_.notify_all();
                 },
                 CallKind::kLoad});
    router_.Add({"GET", "/health", 0, [](const CallContext&, const auto&, const Responder& respond) { respond({}); },
                 CallKind::kHealth});
    router_.Add({"GET", "/throw", 0, [](const CallContext&, const auto&, const Responder&) {
                   throw std::runtime_error("thrown on purpose");
                 }});
    router_.Add({"GET", "/drop", 0, [](const CallContext&, const auto&, const Responder&) {}});
    router_.Add({"GET", "/large", 0, [](const CallContext&, const auto&, const Responder& respond) {
                   HttpResponse response;
                   response.body.assign(64 << 20, 'x');
                   respond(std::move(response));
                 }});
  }

  ~HttpServerTest() override {
    server_.reset();
    if (!folder_.empty()) {
      std::filesystem::remove_all(folder_);
    }
  }

  void Start() {
    server_ = std::make_unique<HttpServer>(options_, router_);
    const absl::Status status = server_->Bind();
    ASSERT_TRUE(status.ok()) << status;
    server_->Serve();
    address_ = server_->addresses().front();
  }

  /// Makes each X-Client-Id a client of its own.
  void TrustClientIds() {
    ClientRule rule;
    rule.grant.trusted = true;
    options_.clients.push_back(std::move(rule));
  }

  /// Listens on a Unix socket too, which is `address_` then.
  void StartUnix() {
    folder_ = ::testing::TempDir() + "/serverXXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    options_.listen.push_back({"", 0, folder_ + "/s"});
    Start();
    address_ = server_->addresses().back();
  }

  TestClient Connect() const { return TestClient(address_); }

  /// The next call of /hold.
  HeldCall Held() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [this] { return !held_.empty(); }));
    HeldCall call = std::move(held_.front());
    held_.erase(held_.begin());
    return call;
  }

  static std::string Post(const std::string& path, const std::string& body, const std::string& headers = "") {
    return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}", path, body.size(), headers,
                       body);
  }

  static std::string Get(const std::string& path, const std::string& headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", path, headers);
  }

  static HttpResponse Text(std::string text) {
    HttpResponse response;
    response.body = std::move(text);
    return response;
  }

  HttpServerOptions options_;
  Router router_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HeldCall> held_;
  std::unique_ptr<HttpServer> server_;
  std::string address_;
  std::string folder_;  ///< Of the Unix socket.
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_SERVER_FIXTURE_H_
