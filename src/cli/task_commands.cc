#include "base/printable.h"
#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/mask_png.h"
#include "cli/present.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using Json = nlohmann::json;

/// The body of the service's answer for one file.
absl::StatusOr<std::string> Ask(const ClientArguments& arguments, const std::string& file, ServiceClient& service) {
  const ServiceClient::TaskCall call{std::string(FindCommand(arguments.command)->call), arguments.model,
                                     arguments.output_name, arguments.threshold, arguments.all_boxes};
  if (arguments.by_path) {
    return service.RunPath(call, file);
  }
  ACCELERD_ASSIGN_OR_RETURN(const std::string bytes, ReadInput(file));
  const std::string name = file == "-" ? "stdin" : file.substr(file.rfind('/') + 1);
  return service.RunFile(call, bytes, name);
}

/// Where a result was written, in place of the result.
Presentation Written(const ClientArguments& arguments) {
  return {{{"output", arguments.output_file}}, {}};
}

absl::StatusOr<Presentation> PresentSegments(const ClientArguments& arguments, const std::string& body,
                                             const Labels& labels) {
  ACCELERD_ASSIGN_OR_RETURN(const ClassMask mask, ParseMask(body));
  Presentation result = PresentMask(mask, labels);
  if (!arguments.output_file.empty()) {
    ACCELERD_ASSIGN_OR_RETURN(const std::string png, EncodeMaskPng(mask.classes, mask.rows, mask.columns));
    ACCELERD_RETURN_IF_ERROR(WriteFile(arguments.output_file, png));
    result.json["output"] = arguments.output_file;
  }
  if (arguments.output_file == "-") {
    result.text.clear();
  }
  return result;
}

absl::StatusOr<Presentation> Present(const ClientArguments& arguments, const std::string& body, const Labels& labels) {
  if (arguments.command == "classify") {
    return PresentClasses(body, labels);
  }
  if (arguments.command == "detect") {
    return PresentDetections(body, labels);
  }
  if (arguments.command == "segment") {
    return PresentSegments(arguments, body, labels);
  }
  if (!arguments.output_file.empty()) {
    ACCELERD_RETURN_IF_ERROR(WriteFile(arguments.output_file, body));
    return Written(arguments);
  }
  return PresentArray(body);
}

absl::StatusOr<Presentation> RunFile(const ClientArguments& arguments, const std::string& file, const Labels& labels,
                                     ServiceClient& service) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string body, Ask(arguments, file, service));
  return Present(arguments, body, labels);
}

/// For people, at once: under the file's name when there are several.
void WriteText(const ClientArguments& arguments, const std::string& file, const std::string& text, bool first) {
  if (arguments.files.size() > 1) {
    WriteOutput(fmt::format("{}==> {} <==\n", first ? "" : "\n", Printable(file)));
  }
  WriteOutput(text);
}

}  // namespace

int RunTaskCommand(const ClientArguments& arguments, ServiceClient& service) {
  absl::StatusOr<Labels> labels = Labels();
  if (!arguments.labels.empty()) {
    labels = ReadLabelLines(arguments.labels);
  }
  if (!labels.ok()) {
    return UsageError(arguments.command, fmt::format("--labels: {} {}", arguments.labels, Message(labels.status())));
  }
  int exit_code = kExitOk;
  bool first = true;
  Json document = Json::array();
  for (const std::string& file : arguments.files) {
    const auto result = RunFile(arguments, file, *labels, service);
    if (!result.ok()) {
      document.push_back({{"file", file}, {"error", Message(result.status())}});
      exit_code = ReportFailure(arguments, file, result.status());
      if (exit_code == kExitUnreachable) {
        break;  // The others would fail alike.
      }
    } else if (arguments.json) {
      document.push_back({{"file", file}, {"result", result->json}});
    } else {
      WriteText(arguments, file, result->text, first);
      first = false;
    }
  }
  if (arguments.json) {
    WriteOutput(document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  return exit_code;
}

}  // namespace accelerd
