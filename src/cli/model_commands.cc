#include "base/printable.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "fmt/core.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Json = nlohmann::json;

void WriteJson(const Json& json) {
  WriteOutput(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

int List(const ClientArguments& arguments, ServiceClient& service) {
  const auto names = service.List();
  if (!names.ok()) {
    return ReportFailure(arguments, "", names.status());
  }
  if (arguments.json) {
    WriteJson(*names);
    return kExitOk;
  }
  for (const std::string& name : *names) {
    WriteOutput(Printable(name) + "\n");
  }
  return kExitOk;
}

int Shape(const ClientArguments& arguments, ServiceClient& service) {
  const auto shape = service.Shape(arguments.model);
  if (!shape.ok()) {
    return ReportFailure(arguments, arguments.model, shape.status());
  }
  if (arguments.json) {
    WriteJson(*shape);
  } else {
    WriteOutput(fmt::format("{}\n", fmt::join(*shape, " ")));
  }
  return kExitOk;
}

/// load and unload: `change` for each model; nothing is printed for people when it went well.
template <typename Change>
int ForEachModel(const ClientArguments& arguments, const std::vector<std::string>& models, std::string_view done,
                 Change change) {
  int exit_code = kExitOk;
  Json document = Json::array();
  for (const std::string& model : models) {
    const absl::Status status = change(model);
    if (status.ok()) {
      document.push_back({{"model", model}, {"result", done}});
      continue;
    }
    document.push_back({{"model", model}, {"error", Message(status)}});
    exit_code = ReportFailure(arguments, model, status);
    if (exit_code == kExitUnreachable) {
      break;
    }
  }
  if (arguments.json) {
    WriteJson(document);
  }
  return exit_code;
}

}  // namespace

int RunModelCommand(const ClientArguments& arguments, ServiceClient& service) {
  if (arguments.command == "list") {
    return List(arguments, service);
  }
  if (arguments.command == "shape") {
    return Shape(arguments, service);
  }
  if (arguments.command == "load") {
    return ForEachModel(arguments, {arguments.model}, "loaded", [&](const std::string& model) {
      return service.Load(model, arguments.directory, arguments.replace);
    });
  }
  return ForEachModel(arguments, arguments.models, "unloaded",
                      [&](const std::string& model) { return service.Unload(model); });
}

int ReportFailure(const ClientArguments& arguments, std::string_view subject, const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    PrintMessage(fmt::format("cannot reach the service at {}: {}", arguments.url, Message(status)));
    return kExitUnreachable;
  }
  PrintMessage(subject.empty() ? std::string(Message(status)) : fmt::format("{}: {}", subject, Message(status)));
  return kExitFailed;
}

}  // namespace accelerd
