#include "cli/service_client.h"

#include <algorithm>

#include "base/parse_json.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kMaxErrorText = 500;

/// What an error's body says: the original answers {"error": …}, {"missed": …} or plain text.
std::string ErrorText(const std::string& body) {
  const Json json = ParseJson(body).value_or(Json());
  if (json.is_object() && json.contains("error")) {
    const Json& error = json["error"];
    return error.is_string() ? error.get<std::string>() : error.dump();
  }
  if (json.is_object() && json.contains("missed")) {
    return fmt::format("the service misses {} in the request", json["missed"].dump());
  }
  return body.empty() ? "the service gave no reason" : body.substr(0, kMaxErrorText);
}

/// The body of an answer that is a success.
absl::StatusOr<std::string> Body(absl::StatusOr<HttpAnswer> response) {
  ACCELERD_RETURN_IF_ERROR(response.status());
  if (response->status < 200 || response->status > 299) {
    return absl::UnknownError(fmt::format("{} (HTTP {})", ErrorText(response->body), response->status));
  }
  return std::move(response->body);
}

absl::Status Unexpected(std::string_view what) {
  return absl::UnknownError(fmt::format("the answer is not {}: is this an accelerd service?", what));
}

std::string TaskTarget(const ServiceClient::TaskCall& call, std::string_view variant) {
  std::string query;
  const auto add = [&query](std::string_view name, const std::string& value) {
    query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name, PercentEncode(value));
  };
  if (!call.output.empty()) {
    add("output", call.output);
  }
  if (!call.threshold.empty()) {
    add("threshold", call.threshold);
  }
  if (call.all) {
    add("all", "1");
  }
  return fmt::format("/{}/{}/{}{}", call.task, variant, PercentEncode(call.model), query);
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ServiceClient::List() {
  ACCELERD_ASSIGN_OR_RETURN(const std::string body, Body(http_.Get("/list")));
  const Json json = ParseJson(body).value_or(Json());
  if (!json.is_array()) {
    return Unexpected("a list of names");
  }
  std::vector<std::string> names;
  for (const Json& name : json) {
    if (!name.is_string()) {
      return Unexpected("a list of names");
    }
    names.push_back(name.get<std::string>());
  }
  return names;
}

absl::StatusOr<std::string> ServiceClient::Stats() {
  return Body(http_.Get("/stats"));
}

absl::Status ServiceClient::Load(const std::string& name, const std::string& directory, bool replace) {
  Json request = {{"path", directory}, {"name", name}};
  if (replace) {
    request["replace"] = true;
  }
  return Body(http_.PostJson("/load", Dump(request))).status();
}

bool ServiceClient::LacksModel(const std::string& name) {
  const absl::StatusOr<std::string> body = Body(http_.Get("/health"));
  const Json json = body.ok() ? ParseJson(*body).value_or(Json()) : Json();
  if (!json.is_object() || !json.contains("models") || !json["models"].is_array()) {
    return false;
  }
  return std::ranges::none_of(json["models"], [&name](const Json& model) {
    return model.is_object() && model.contains("name") && model["name"] == name;
  });
}

absl::Status ServiceClient::Unload(const std::string& name) {
  // The call itself succeeds for a model that is not there, as it did in the original service.
  if (LacksModel(name)) {
    return absl::NotFoundError("the service has no model of this name");
  }
  return Body(http_.PostJson(fmt::format("/unload/{}", PercentEncode(name)), "{}")).status();
}

absl::StatusOr<std::vector<std::int64_t>> ServiceClient::Shape(const std::string& name) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string body,
                            Body(http_.Get(fmt::format("/input/shape/{}", PercentEncode(name)))));
  const Json json = ParseJson(body).value_or(Json());
  if (!json.is_array()) {
    return Unexpected("a shape");
  }
  std::vector<std::int64_t> shape;
  for (const Json& size : json) {
    if (!size.is_number_integer()) {
      return Unexpected("a shape");
    }
    shape.push_back(size.get<std::int64_t>());
  }
  return shape;
}

absl::StatusOr<std::string> ServiceClient::RunFile(const TaskCall& call, std::string_view bytes,
                                                   const std::string& file_name) {
  return Body(http_.PostFile(TaskTarget(call, "file"), bytes, file_name));
}

absl::StatusOr<std::string> ServiceClient::RunPath(const TaskCall& call, const std::string& path) {
  return Body(http_.PostJson(TaskTarget(call, "path"), Dump({{"path", path}})));
}

}  // namespace accelerd
