#include "frontend/http/ncs_api.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory_guard.h"
#include "fmt/core.h"
#include "frontend/http/answer_memory.h"
#include "frontend/http/image_body.h"
#include "frontend/http/ncs_render.h"
#include "frontend/http/task_query.h"
#include "image/sniff.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Json = nlohmann::json;
using Request = std::shared_ptr<const HttpRequest>;

constexpr std::size_t kMaxJsonBytes = 64 << 10;
constexpr int kMaxJsonDepth = 32;
constexpr std::size_t kServersLimit = SIZE_MAX;
constexpr std::string_view kUseFileCall = "send an image itself to the call with 'file' in place of 'path'";

HttpResponse TextResponse(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

/// The original knows no 404 but for URLs.
HttpResponse NcsError(const absl::Status& status) {
  return absl::IsNotFound(status) ? ErrorResponse(400, Message(status)) : StatusResponse(status);
}

/// Returns the answer of a /load that failed. What the client can correct keeps its status: files that do not exist are
/// 404. Files that exist and cannot be loaded are 503, as in the original service.
HttpResponse LoadError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
      return StatusResponse(status);
    default:
      break;
  }
  if (IsClientLimit(status)) {
    return StatusResponse(status);
  }
  // Trying again is advised only where the service says when.
  HttpResponse response = RetryAfter(status) ? StatusResponse(status) : ErrorResponse(503, Message(status));
  response.status = 503;
  return response;
}

/// The members of a JSON object that a call needs, or what to answer.
class Fields {
 public:
  /// Reads `names`, which must be strings without NUL; the first one that is missing is named as the original does it.
  /// `flags` may be left out.
  Fields(std::span<const std::byte> body, std::initializer_list<std::string_view> names,
         std::initializer_list<std::string_view> flags = {}) {
    bool too_deep = false;
    const auto bound = [&](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
      too_deep = too_deep || depth > kMaxJsonDepth;
      return !too_deep;
    };
    const auto* begin = reinterpret_cast<const char*>(body.data());
    const Json json = Json::parse(begin, begin + body.size(), bound, /*allow_exceptions=*/false);
    if (too_deep) {
      refusal_ = ErrorResponse(400, fmt::format("the JSON body is nested deeper than {} levels", kMaxJsonDepth));
    } else if (!json.is_object()) {
      refusal_ = ErrorResponse(400, "the body is no JSON object such as {\"path\": \"…\"}");
    } else {
      Read(json, names);
      ReadFlags(json, flags);
    }
  }

  /// Set when the body is not as it should be.
  const std::optional<HttpResponse>& refusal() const { return refusal_; }
  /// In the order of the names.
  const std::string& operator[](std::size_t i) const { return values_[i]; }
  /// A member that may be left out: false then.
  bool flag(std::string_view name) const { return flags_.contains(name); }

 private:
  void Read(const Json& json, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      const auto found = json.find(name);
      if (found == json.end()) {
        HttpResponse response;
        response.status = 400;
        response.body = Json{{"missed", name}}.dump();
        refusal_ = std::move(response);
        return;
      }
      const auto* text = found->get_ptr<const std::string*>();
      if (text == nullptr || text->empty() || text->find('\0') != std::string::npos) {
        refusal_ = ErrorResponse(400, fmt::format("'{}' must be a string, neither empty nor with NUL", name));
        return;
      }
      values_.push_back(*text);
    }
  }

  void ReadFlags(const Json& json, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      const auto found = json.find(name);
      if (found == json.end() || *found == false) {
        continue;
      }
      if (*found == true) {
        flags_.insert(name);
      } else if (!refusal_) {
        refusal_ = ErrorResponse(400, fmt::format("'{}' must be true or false", name));
      }
    }
  }

  std::optional<HttpResponse> refusal_;
  std::vector<std::string> values_;
  std::set<std::string_view> flags_;  ///< Those that are true.
};

/// A path of the service's machine means nothing relative to the folder that the service happens to run in.
std::optional<HttpResponse> RefuseRelative(const std::string& path) {
  if (path.starts_with('/')) {
    return std::nullopt;
  }
  return ErrorResponse(400, "'path' must be absolute: it begins with '/'");
}

using WithImage = std::function<void(CallContext context, Request request, ImageSource image, Responder respond)>;

std::string_view ContentTypeOf(const HttpRequest& request) {
  const std::string* value = request.header("content-type");
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

/// Runs a call on the image whose path the JSON body names.
void RunByPath(const WithImage& run, CallContext context, Request request, Responder respond) {
  if (request->body.size() > kMaxJsonBytes) {
    respond(ErrorResponse(413, BodyTooLarge(kMaxJsonBytes, "a JSON body names the path of an image")));
    return;
  }
  const Fields fields(request->body, {"path"});
  if (fields.refusal()) {
    respond(*fields.refusal());
  } else if (auto refusal = RefuseRelative(fields[0])) {
    respond(*std::move(refusal));
  } else {
    run(std::move(context), std::move(request), ImagePath{fields[0]}, std::move(respond));
  }
}

HttpHandler FileHandler(WithImage run) {
  return [run = std::move(run)](CallContext context, Request request, Responder respond) {
    const std::string_view content_type = ContentTypeOf(*request);
    // The original's own client sends paths to a call by file.
    if (FormOfBody(content_type, request->body) == BodyForm::kJson) {
      RunByPath(run, std::move(context), std::move(request), std::move(respond));
      return;
    }
    const auto image = ImageOfBody(content_type, request->body);
    if (!image.ok()) {
      respond(NcsError(image.status()));
      return;
    }
    ImageSource source = ImageBytes{request->owner, *image};
    run(std::move(context), std::move(request), std::move(source), std::move(respond));
  };
}

HttpHandler PathHandler(WithImage run) {
  return [run = std::move(run)](CallContext context, Request request, Responder respond) {
    if (!request->body.empty() && FormOfBody(ContentTypeOf(*request), request->body) != BodyForm::kJson) {
      respond(ErrorResponse(400,
                            fmt::format("this call takes a JSON object such as {{\"path\": \"…\"}}, and {} arrived; {}",
                                        SniffContent(request->body).name, kUseFileCall)));
      return;
    }
    RunByPath(run, std::move(context), std::move(request), std::move(respond));
  };
}

/// Adds PREFIX/file and PREFIX/path, both followed by `suffix`.
void AddImageCalls(Router& router, std::string_view prefix, std::string_view suffix, const WithImage& run) {
  router.Add(
      {"POST", fmt::format("/{}/file{}", prefix, suffix), kServersLimit, FileHandler(run), CallKind::kScheduled});
  router.Add({"POST", fmt::format("/{}/path{}", prefix, suffix), kMaxJsonBytes, PathHandler(run), CallKind::kScheduled,
              kUseFileCall});
}

/// Responds with what `render` makes of a result in the answer's room, or with the error.
template <typename T, typename F>
Done<std::shared_ptr<const T>> RenderAndRespond(Responder respond, std::shared_ptr<AnswerRoom> room, F render) {
  return [respond = std::move(respond), room = std::move(room),
          render = std::move(render)](const absl::StatusOr<std::shared_ptr<const T>>& result) {
    absl::StatusOr<HttpResponse> response = GuardMemory([&]() -> absl::StatusOr<HttpResponse> {
      ACCELERD_RETURN_IF_ERROR(result.status());
      ACCELERD_ASSIGN_OR_RETURN(HttpResponse rendered, render(*result, *room));
      AnswerRoom::Attach(room, rendered);
      return rendered;
    });
    respond(response.ok() ? *std::move(response) : NcsError(response.status()));
  };
}

void AddTask(InferenceService& inference, const std::shared_ptr<ByteBudget>& answers, Task task, Router& router) {
  AddImageCalls(
      router, TaskName(task), "/{}",
      [&inference, answers, task](CallContext context, const Request& request, ImageSource image, Responder respond) {
        absl::StatusOr<TaskQuery> query = ReadTaskQuery(*request, task);
        if (!query.ok()) {
          respond(NcsError(query.status()));
          return;
        }
        TaskCall call;
        call.task = task;
        call.model = request->parameters[0];
        call.image = std::move(image);
        call.options = std::move(query->options);
        call.image_warning = std::make_shared<std::string>();
        const auto warning = call.image_warning;
        const auto room = std::make_shared<AnswerRoom>(answers, context.client.key());
        call.reserve_result = [room](std::size_t bytes) { return room->Reserve(bytes); };
        inference.RunTask(std::move(context), std::move(call),
                          RenderAndRespond<TaskResult>(
                              std::move(respond), room,
                              [warning, labels = query->labels](const std::shared_ptr<const TaskResult>& result,
                                                                AnswerRoom& answer_room) {
                                return WithImageWarning(RenderResult(*result, labels, answer_room), *warning);
                              }));
      });
}

void AddTest(InferenceService& inference, const std::shared_ptr<ByteBudget>& answers, Router& router) {
  AddImageCalls(
      router, "test", "",
      [&inference, answers](CallContext context, const Request& /*request*/, ImageSource image, Responder respond) {
        auto room = std::make_shared<AnswerRoom>(answers, context.client.key());
        inference.DecodeImage(
            std::move(context), std::move(image),
            RenderAndRespond<Image>(std::move(respond), std::move(room),
                                    [](const std::shared_ptr<const Image>& decoded, AnswerRoom& answer_room) {
                                      return WithImageWarning(RenderImage(decoded, answer_room), decoded->warning);
                                    }));
      });
}

void Load(ModelService& models, CallContext context, const HttpRequest& request, Responder respond) {
  const Fields fields(request.body, {"path", "name"}, {"replace"});
  if (fields.refusal()) {
    respond(*fields.refusal());
    return;
  }
  if (auto refusal = RefuseRelative(fields[0])) {
    respond(*std::move(refusal));
    return;
  }
  // A large model may compile for minutes: the service has a bound of its own for that.
  context.deadline = Time::max();
  models.Load(std::move(context), {fields[0], fields[1], fields.flag("replace")},
              [respond = std::move(respond)](const absl::Status& status) {
                if (!status.ok()) {
                  respond(LoadError(status));
                  return;
                }
                HttpResponse response;
                response.status = 201;
                response.body = "{}";
                respond(std::move(response));
              });
}

void Unload(ModelService& models, CallContext context, const std::string& model, Responder respond) {
  models.Unload(std::move(context), model, [model, respond = std::move(respond)](const absl::Status& status) {
    respond(status.ok() ? TextResponse(200, model) : NcsError(status));
  });
}

HttpResponse Shape(const ModelService& models, const std::string& model) {
  const auto description = models.Describe(model);
  if (description.ok()) {
    return RenderShape(*description);
  }
  return absl::IsNotFound(description.status()) ? TextResponse(400, "model not found") : NcsError(description.status());
}

void AddModelCalls(ModelService& models, Router& router) {
  router.Add({"POST", "/load", kMaxJsonBytes,
              [&models](CallContext context, const Request& request, Responder respond) {
                Load(models, std::move(context), *request, std::move(respond));
              },
              CallKind::kLoad});
  router.Add(
      {"POST", "/unload/{}", kMaxJsonBytes, [&models](CallContext context, const Request& request, Responder respond) {
         Unload(models, std::move(context), request->parameters[0], std::move(respond));
       }});
  router.Add({"GET", "/list", 0,
              [&models](const CallContext& /*context*/, const Request& /*request*/, const Responder& respond) {
                respond(RenderList(models.List()));
              }});
  router.Add({"GET", "/input/shape/{}", 0,
              [&models](const CallContext& /*context*/, const Request& request, const Responder& respond) {
                respond(Shape(models, request->parameters[0]));
              }});
}

}  // namespace

void AddNcsApi(InferenceService& inference, ModelService& models, const std::shared_ptr<ByteBudget>& answers,
               Router& router) {
  router.Add({"GET", "/", 0, [](const CallContext& /*context*/, const Request& /*request*/, const Responder& respond) {
                respond(TextResponse(200, "accelerd: inference for every process of this machine; see GET /list\n"));
              }});
  AddModelCalls(models, router);
  for (const Task task : {Task::kInference, Task::kClassify, Task::kDetect, Task::kSegment}) {
    AddTask(inference, answers, task, router);
  }
  AddTest(inference, answers, router);
}

}  // namespace accelerd
