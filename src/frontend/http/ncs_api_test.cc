#include "frontend/http/ncs_api.h"

#include <cstring>
#include <optional>

#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

/// Records the call and answers what it was told to.
class FakeInference : public InferenceService {
 public:
  void RunTask(CallContext context, TaskCall task_call, Done<std::shared_ptr<const TaskResult>> done) override {
    deadline = context.deadline;
    call = std::move(task_call);
    if (const absl::Status reserved = call->reserve_result(result_bytes); !reserved.ok()) {
      call.reset();
      done(reserved);
      return;
    }
    call->reserve_result = nullptr;  // It holds the room.
    if (!status.ok()) {
      done(status);
      return;
    }
    done(std::make_shared<const TaskResult>(result));
  }

  void DecodeImage(CallContext /*context*/, ImageSource source, Done<std::shared_ptr<const Image>> done) override {
    call.emplace().image = std::move(source);
    if (!status.ok()) {
      done(status);
      return;
    }
    done(std::make_shared<const Image>(Image{1, 1, {1, 2, 3}}));
  }

  std::optional<TaskCall> call;
  Time deadline;
  absl::Status status;
  std::size_t result_bytes = 0;  ///< Known before the run.
  TaskResult result;
};

class FakeModels : public ModelService {
 public:
  void Load(CallContext context, ModelSpec model, Done<> done) override {
    deadline = context.deadline;
    spec = std::move(model);
    done(status);
  }
  void Unload(CallContext /*context*/, std::string model, Done<> done) override {
    unloaded = std::move(model);
    done(status);
  }
  std::vector<ModelStatus> List() const override { return list; }
  absl::StatusOr<ModelDescription> Describe(std::string_view model) const override {
    if (!status.ok()) {
      return status;
    }
    if (model != "m") {
      return absl::NotFoundError("no such model");
    }
    return ModelDescription{{}, {1, 3, 224, 300}};
  }

  std::optional<ModelSpec> spec;
  std::string unloaded;
  Time deadline;
  std::vector<ModelStatus> list;
  absl::Status status;
};

class NcsApiTest : public ::testing::Test {
 protected:
  NcsApiTest() { AddNcsApi(inference_, models_, answers_, router_); }

  HttpResponse Ask(const std::string& method, const std::string& target, const std::string& body = "",
                   const std::string& content_type = "") {
    Router::Match match = router_.Find(method, target);
    if (match.route == nullptr) {
      return match.error;
    }
    auto request = std::make_shared<HttpRequest>();
    const auto owner = std::make_shared<const std::string>(body);
    request->owner = owner;
    request->body = std::as_bytes(std::span(*owner));
    request->parameters = std::move(match.parameters);
    request->query = std::move(match.query);
    if (!content_type.empty()) {
      request->headers.emplace_back("content-type", content_type);
    }
    std::optional<HttpResponse> answer;
    CallContext context;
    context.client.group = client_;
    context.deadline = Time(std::chrono::seconds(1));
    match.route->handler(std::move(context), std::move(request),
                         [&](HttpResponse response) { answer = std::move(response); });
    EXPECT_TRUE(answer) << target;
    return answer.value_or(HttpResponse());
  }

  HttpResponse AskByPath(const std::string& target) { return Ask("POST", target, R"({"path":"/i.jpg"})"); }

  std::string ImageText() const {
    const auto& image = std::get<ImageBytes>(inference_.call->image);
    return {reinterpret_cast<const char*>(image.bytes.data()), image.bytes.size()};
  }

  FakeInference inference_;
  FakeModels models_;
  std::string client_;
  const std::shared_ptr<ByteBudget> answers_ = std::make_shared<ByteBudget>(200'000);
  Router router_;
};

TEST_F(NcsApiTest, LargeAnswersAreReserved) {
  inference_.result = Mask{100, 300, std::vector<std::int32_t>(30'000)};
  std::optional<HttpResponse> first = AskByPath("/segment/path/m");
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(answers_->used(), 120'000U);
  const HttpResponse refused = AskByPath("/segment/path/m");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.front(), (std::pair<std::string, std::string>("Retry-After", "1")));
  first.reset();
  EXPECT_EQ(answers_->used(), 0U);
  // Larger than all there is: it has it alone.
  inference_.result = Mask{100, 3000, std::vector<std::int32_t>(300'000)};
  first = AskByPath("/segment/path/m");
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(answers_->used(), answers_->limit());
  EXPECT_EQ(AskByPath("/test/path").status, 200) << "small answers need no room";
}

TEST_F(NcsApiTest, RoomForALargeAnswerIsReservedBeforeTheInference) {
  inference_.result = Mask{100, 300, std::vector<std::int32_t>(30'000)};
  inference_.result_bytes = 120'000;
  const HttpResponse first = AskByPath("/segment/path/m");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(answers_->used(), 120'000U) << "reserved once";
  EXPECT_FALSE(*first.wanted);
  inference_.call.reset();
  const HttpResponse refused = AskByPath("/segment/path/m");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("--max-total-response-bytes"));
  EXPECT_FALSE(inference_.call) << "no inference was made in vain";
}

TEST_F(NcsApiTest, OneClientsAnswersLeaveRoomForAnother) {
  inference_.result = Mask{100, 300, std::vector<std::int32_t>(30'000)};
  client_ = "greedy";
  const HttpResponse first = AskByPath("/segment/path/m");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(AskByPath("/segment/path/m").status, 503);
  EXPECT_FALSE(*first.wanted) << "by its own client";
  client_ = "other";
  EXPECT_EQ(AskByPath("/segment/path/m").status, 503);
  EXPECT_TRUE(*first.wanted);
  inference_.result = Mask{100, 160, std::vector<std::int32_t>(16'000)};
  EXPECT_EQ(AskByPath("/segment/path/m").status, 200);
}

TEST_F(NcsApiTest, RootIsALineOfText) {
  const auto response = Ask("GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.content_type, HasSubstr("text/plain"));
  EXPECT_THAT(response.body, ::testing::StartsWith("accelerd"));
}

TEST_F(NcsApiTest, LoadAnswers201) {
  const auto response = Ask("POST", "/load", R"({"path":"/models","name":"ssd"})");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "{}");
  EXPECT_EQ(models_.spec->directory, "/models");
  EXPECT_EQ(models_.spec->name, "ssd");
  EXPECT_EQ(models_.deadline, Time::max());
}

TEST_F(NcsApiTest, LoadMayReplace) {
  EXPECT_EQ(Ask("POST", "/load", R"({"path":"/x","name":"x"})").status, 201);
  EXPECT_FALSE(models_.spec->replace);
  EXPECT_EQ(Ask("POST", "/load", R"({"path":"/x","name":"x","replace":true})").status, 201);
  EXPECT_TRUE(models_.spec->replace);
  EXPECT_EQ(Ask("POST", "/load", R"({"path":"/x","name":"x","replace":false})").status, 201);
  EXPECT_FALSE(models_.spec->replace);
  EXPECT_THAT(Ask("POST", "/load", R"({"path":"/x","name":"x","replace":1})").body, HasSubstr("'replace'"));
}

TEST_F(NcsApiTest, LoadNamesTheMissingField) {
  EXPECT_EQ(Ask("POST", "/load", "{}").body, R"({"missed":"path"})");
  EXPECT_EQ(Ask("POST", "/load", R"({"name":"x"})").body, R"({"missed":"path"})");
  EXPECT_EQ(Ask("POST", "/load", R"({"path":"/x"})").body, R"({"missed":"name"})");
  EXPECT_EQ(Ask("POST", "/load", R"({"path":"/x"})").status, 400);
  EXPECT_FALSE(models_.spec);
}

TEST_F(NcsApiTest, BadJsonIs400) {
  const std::string deep = R"({"path":)" + std::string(30'000, '[') + std::string(30'000, ']') + "}";
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string(R"("path")"), deep,
        std::string(R"({"path":1,"name":"x"})"), std::string(R"({"path":"/x","name":[]})"),
        std::string(R"({"path":"","name":"x"})"), std::string(R"({"path":"x","name":"x"})"),
        std::string(R"({"path":"/x\u0000y","name":"x"})"), std::string("{\"path\":\"/\xff\",\"name\":\"x\"}")}) {
    const auto response = Ask("POST", "/load", body);
    EXPECT_EQ(response.status, 400) << body.substr(0, 50);
    EXPECT_THAT(response.body, ::testing::StartsWith(R"({"error":")")) << body.substr(0, 50);
    EXPECT_FALSE(models_.spec) << body.substr(0, 50);
  }
  EXPECT_THAT(Ask("POST", "/load", deep).body, HasSubstr("deeper than 32"));
}

TEST_F(NcsApiTest, LoadErrors) {
  const auto status_of = [&](const absl::Status& status) {
    models_.status = status;
    return Ask("POST", "/load", R"({"path":"/x","name":"x"})").status;
  };
  EXPECT_EQ(status_of(absl::NotFoundError("no file")), 404);
  EXPECT_EQ(status_of(WithClientLimit(absl::ResourceExhaustedError("x"))), 429);
  EXPECT_EQ(status_of(absl::ResourceExhaustedError("x")), 503);
  EXPECT_EQ(status_of(absl::UnavailableError("x")), 503);
  EXPECT_EQ(status_of(absl::InternalError("x")), 503);
  EXPECT_EQ(status_of(absl::PermissionDeniedError("x")), 403);
  EXPECT_EQ(status_of(absl::AlreadyExistsError("x")), 409);
  EXPECT_EQ(status_of(absl::InvalidArgumentError("x")), 400);
  models_.status = absl::UnavailableError("broken");
  EXPECT_EQ(Ask("POST", "/load", R"({"path":"/x","name":"x"})").body, R"({"error":"broken"})");
}

TEST_F(NcsApiTest, UnloadAnswersTheName) {
  const auto response = Ask("POST", "/unload/a%2Fb%20c");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "a/b c");
  EXPECT_EQ(models_.unloaded, "a/b c");
}

TEST_F(NcsApiTest, ListHasWhatIsLoaded) {
  EXPECT_EQ(Ask("GET", "/list").body, "[]");
  models_.list = {{"a", ModelState::kReady, ""},
                  {"b", ModelState::kLoading, ""},
                  {"c", ModelState::kReady, ""},
                  {"d", ModelState::kUnavailable, ""},
                  {.name = "e", .state = ModelState::kLoading, .reason = "the device is lost", .loaded = true}};
  EXPECT_EQ(Ask("GET", "/list").body, R"(["a","c","e"])");
}

TEST_F(NcsApiTest, Shape) {
  EXPECT_EQ(Ask("GET", "/input/shape/m").body, "[1,3,224,300]");
  const auto unknown = Ask("GET", "/input/shape/x");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.body, "model not found");
  EXPECT_THAT(unknown.content_type, HasSubstr("text/plain"));
  models_.status = absl::UnavailableError("still loading");
  EXPECT_EQ(Ask("GET", "/input/shape/m").status, 503);
  EXPECT_EQ(Ask("GET", "/input/shape/m").headers.at(0).first, "Retry-After");
}

TEST_F(NcsApiTest, ImageAsFormOrBody) {
  inference_.result = Classes();
  const std::string form = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nJPEG\r\n--b--\r\n";
  EXPECT_EQ(Ask("POST", "/classify/file/m", form, "multipart/form-data; boundary=b").status, 200);
  EXPECT_EQ(ImageText(), "JPEG");
  EXPECT_EQ(inference_.call->model, "m");
  EXPECT_EQ(Ask("POST", "/classify/file/m", "PNG", "image/png").status, 200);
  EXPECT_EQ(ImageText(), "PNG");
  EXPECT_EQ(Ask("POST", "/classify/file/m", "BMP", "Application/Octet-Stream").status, 200);
  EXPECT_EQ(ImageText(), "BMP");
}

TEST_F(NcsApiTest, ImageThatCannotBeOne) {
  EXPECT_THAT(Ask("POST", "/classify/file/m", "x").body, HasSubstr("multipart/form-data"));
  EXPECT_THAT(Ask("POST", "/classify/file/m", "GIF89a").body, HasSubstr("a GIF image"));
  EXPECT_EQ(Ask("POST", "/classify/file/m", "x", "application/json").status, 400);
  EXPECT_THAT(Ask("POST", "/classify/file/m", "", "image/jpeg").body, HasSubstr("0 bytes"));
  EXPECT_THAT(Ask("POST", "/classify/file/m", "x", "multipart/form-data; boundary=b").body, HasSubstr("boundary"));
  EXPECT_THAT(Ask("POST", "/classify/file/m", "--b--", "multipart/form-data; boundary=b").body,
              HasSubstr("no field 'file'"));
  EXPECT_FALSE(inference_.call);
}

TEST_F(NcsApiTest, ImageByPath) {
  inference_.result = Classes();
  EXPECT_EQ(AskByPath("/classify/path/m").status, 200);
  EXPECT_EQ(std::get<ImagePath>(inference_.call->image).path, "/i.jpg");
  EXPECT_EQ(Ask("POST", "/classify/path/m", "{}").body, R"({"missed":"path"})");
  EXPECT_THAT(Ask("POST", "/classify/path/m", R"({"path":"i.jpg"})").body, HasSubstr("absolute"));
}

TEST_F(NcsApiTest, AJsonBodyOnACallByFileNamesAPath) {
  inference_.result = Classes();
  EXPECT_EQ(Ask("POST", "/classify/file/m", R"({"path":"/i.jpg"})", "application/json").status, 200);
  EXPECT_EQ(std::get<ImagePath>(inference_.call->image).path, "/i.jpg");
  EXPECT_EQ(Ask("POST", "/test/file", R"( {"path":"/j.jpg"})").status, 200);
  EXPECT_EQ(std::get<ImagePath>(inference_.call->image).path, "/j.jpg");
  EXPECT_EQ(Ask("POST", "/classify/file/m", "{}", "application/json").body, R"({"missed":"path"})");
  EXPECT_EQ(Ask("POST", "/classify/file/m", R"({"path":"i.jpg"})").status, 400);
  EXPECT_EQ(Ask("POST", "/classify/file/m", "{" + std::string(70'000, ' ') + "}").status, 413);
}

TEST_F(NcsApiTest, AnImageOnACallByPathIsNamedAsTheMistake) {
  for (const std::string& body : {std::string("\xff\xd8\xff\xe0"), std::string("--b\r\nContent-Disposition: form-data"),
                                  std::string("/i.jpg"), std::string("path=/i.jpg")}) {
    const HttpResponse response = Ask("POST", "/classify/path/m", body);
    EXPECT_EQ(response.status, 400);
    EXPECT_THAT(response.body, HasSubstr("in place of 'path'")) << body;
  }
  EXPECT_THAT(Ask("POST", "/classify/path/m", "\xff\xd8\xff\xe0", "image/jpeg").body,
              HasSubstr("a JPEG image arrived"));
  EXPECT_THAT(router_.Find("POST", "/classify/path/m").route->size_advice, HasSubstr("in place of 'path'"));
}

TEST_F(NcsApiTest, TasksAndOptions) {
  inference_.result = Boxes();
  AskByPath("/detect/path/m?output=boxes");
  EXPECT_EQ(inference_.call->task, Task::kDetect);
  EXPECT_EQ(inference_.call->options.output, "boxes");
  EXPECT_EQ(inference_.call->options.min_score, 0.01F);
  EXPECT_TRUE(inference_.call->options.best_of_class);
  AskByPath("/segment/path/m");
  EXPECT_EQ(inference_.call->task, Task::kSegment);
  EXPECT_EQ(inference_.call->options.output, "");
  AskByPath("/inference/path/m");
  EXPECT_EQ(inference_.call->task, Task::kInference);
}

TEST_F(NcsApiTest, InferenceErrors) {
  const auto response_of = [&](const absl::Status& status) {
    inference_.status = status;
    return AskByPath("/classify/path/m");
  };
  EXPECT_EQ(response_of(absl::NotFoundError("no such model")).status, 400);
  EXPECT_EQ(response_of(absl::NotFoundError("no such model")).body, R"({"error":"no such model"})");
  EXPECT_EQ(response_of(absl::InvalidArgumentError("x")).status, 400);
  EXPECT_EQ(response_of(absl::FailedPreconditionError("x")).status, 400);
  EXPECT_EQ(response_of(absl::PermissionDeniedError("x")).status, 403);
  EXPECT_EQ(response_of(absl::ResourceExhaustedError("x")).status, 503);
  EXPECT_EQ(response_of(absl::UnavailableError("x")).headers.at(0).first, "Retry-After");
  EXPECT_EQ(response_of(absl::InternalError("x")).status, 500);
}

TEST_F(NcsApiTest, ClassesAreWholePercents) {
  inference_.result = Classes{{{7, 0.999F, "seven"}, {1, 0.5F, ""}, {0, 0.0199F, ""}}};
  EXPECT_EQ(AskByPath("/classify/path/m").body,
            R"([{"class":7,"score":99},{"class":1,"score":50},{"class":0,"score":1}])");
  inference_.result = Classes();
  EXPECT_EQ(AskByPath("/classify/path/m").body, "[]");
}

TEST_F(NcsApiTest, LabelsWhereTheyAreAskedFor) {
  inference_.result = Classes{{{7, 0.999F, "seven"}, {1, 0.5F, ""}}};
  EXPECT_EQ(AskByPath("/classify/path/m?labels=1").body,
            R"([{"class":7,"score":99,"label":"seven"},{"class":1,"score":50,"label":""}])");
  inference_.result = Boxes{10, 10, {{3, 0.5F, 0, 0, 1, 1, "x"}}};
  EXPECT_EQ(AskByPath("/detect/path/m?labels=1").body,
            R"([{"class":3,"score":50,"x":0,"y":0,"w":10,"h":10,"label":"x"}])");
}

TEST_F(NcsApiTest, LabelsAreASwitch) {
  inference_.result = Classes{{{7, 0.999F, "seven"}}};
  for (const char* value : {"1", "true"}) {
    EXPECT_THAT(AskByPath(fmt::format("/classify/path/m?labels={}", value)).body, HasSubstr("seven")) << value;
  }
  for (const char* value : {"0", "false"}) {
    EXPECT_EQ(AskByPath(fmt::format("/classify/path/m?labels={}", value)).body, R"([{"class":7,"score":99}])") << value;
  }
  for (const char* value : {"", "2", "yes", "TRUE"}) {
    const HttpResponse response = AskByPath(fmt::format("/classify/path/m?labels={}", value));
    EXPECT_EQ(response.status, 400) << value;
    EXPECT_THAT(response.body, HasSubstr("labels")) << value;
  }
}

TEST_F(NcsApiTest, BoxesAreWholePixels) {
  // 0.1 * 640 is 64 in float32, and 0.7 * 480 is a little over 336 there, a little under it in float64.
  inference_.result = Boxes{480, 640, {{3, 0.57F, 0.1F, 0.25F, 0.5F, 0.7F, "x"}, {1, 1.0F, -0.01F, 0, 1.5F, 1, ""}}};
  EXPECT_EQ(AskByPath("/detect/path/m").body, R"([{"class":3,"score":57,"x":64,"y":120,"w":256,"h":216},)"
                                              R"({"class":1,"score":100,"x":-6,"y":0,"w":966,"h":480}])");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  inference_.result = Boxes{480, 640, {{3, 0.5F, nan, -1e30F, 1e30F, nan, ""}}};
  EXPECT_EQ(AskByPath("/detect/path/m").status, 200);
}

TEST_F(NcsApiTest, TensorsMasksAndImagesAreNpy) {
  Tensor tensor = *Tensor::Allocate(ElementType::kF32, {1, 100, 7});
  inference_.result = tensor;
  const auto inference = AskByPath("/inference/path/m");
  EXPECT_EQ(inference.content_type, "application/octet-stream");
  EXPECT_THAT(inference.body, HasSubstr("'<f4', 'fortran_order': False, 'shape': (1, 100, 7)"));
  EXPECT_EQ(inference.body.size(), 128 + tensor.byte_size());
  inference_.result = Mask{2, 3, {1, 2, 3, 4, 5, 6}};
  EXPECT_THAT(AskByPath("/segment/path/m").body, HasSubstr("'<i4', 'fortran_order': False, 'shape': (2, 3)"));
  EXPECT_THAT(AskByPath("/test/path").body, HasSubstr("'|u1', 'fortran_order': False, 'shape': (1, 1, 3)"));
  EXPECT_EQ(Ask("POST", "/test/file", "x", "image/bmp").status, 200);
  EXPECT_EQ(ImageText(), "x");
}

TEST_F(NcsApiTest, WrongMethod) {
  EXPECT_EQ(Ask("GET", "/load").status, 405);
  EXPECT_EQ(Ask("POST", "/list").status, 405);
  EXPECT_EQ(Ask("GET", "/classify/file/m").status, 405);
  EXPECT_EQ(Ask("POST", "/classify/url/m").status, 404);
  EXPECT_EQ(Ask("POST", "/test/file/m").status, 404);
}

}  // namespace
}  // namespace accelerd
