#include "cli/arguments.h"

#include <algorithm>
#include <chrono>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "cli/command_table.h"
#include "config/parse_arguments.h"
#include "config/value_parsers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using Operands = CommandDescription::Operands;

constexpr std::chrono::milliseconds kLeastInterval{100};
constexpr const char* kDefaultUrl = "http://127.0.0.1:5001";
constexpr const char* kEpilogue =
    "Exit status: 0; 1 when a request failed; 2 for a wrong command line; 3 when the service cannot be reached.";

void DeclareTaskFlags(CLI::App& app, const CommandDescription& command, ClientArguments& arguments) {
  app.add_option("FILE", arguments.files, "Images (JPEG, PNG, WebP, BMP); -: standard input")
      ->type_name("")
      ->required();
  app.add_flag("--path", arguments.by_path, "Send paths, not bytes: the service reads the files itself");
  if (command.name == "infer") {
    app.add_option("--output", arguments.output_name, "Output of the model [default: its first]")->type_name("NAME");
  } else {
    app.add_option("--labels", arguments.labels, "Names of the classes for tables, one a line")->type_name("FILE");
  }
  if (command.name == "classify" || command.name == "detect") {
    app.add_option("--threshold", arguments.threshold, "Least score, from 0 to 1 [default: above 0.01]")
        ->type_name("SCORE");
  }
  if (command.name == "detect") {
    app.add_flag("--all", arguments.all_boxes, "Print all boxes, not only the best one of each class");
  }
  if (!command.output_help.empty()) {
    app.add_option("-o", arguments.output_file, std::string(command.output_help))->type_name("FILE");
  }
}

/// Durations as they are written, with their defaults.
struct Durations {
  std::string timeout;
  std::string interval = "2s";
};

/// Declares what the command takes.
void Declare(CLI::App& app, const CommandDescription& command, ClientArguments& arguments, Durations& durations) {
  app.set_help_flag("-h,--help", "Print this and exit");
  app.footer(kEpilogue);
  if (command.operands == Operands::kModels) {
    app.add_option("MODEL", arguments.models, "Names of models")->type_name("")->required();
  } else if (command.operands != Operands::kNone) {
    app.add_option("MODEL", arguments.model, "Name of a model")->type_name("")->required();
  }
  if (command.operands == Operands::kModelAndFolder) {
    app.add_option("DIR", arguments.directory, "Folder with the model's files")->type_name("")->required();
    app.add_flag(
        "--replace", arguments.replace,
        "Replace a model of this name that was loaded from another folder. What is loaded serves until the new "
        "one is ready, and goes on when that fails");
  } else if (command.operands == Operands::kModelAndFiles) {
    DeclareTaskFlags(app, command, arguments);
  }
  if (command.name == "stats") {
    app.add_flag("--watch", arguments.watch, "Print again and again, until it is interrupted");
    app.add_option("--interval", durations.interval,
                   fmt::format("How long --watch waits, such as 500ms or 5s [default: {}]", durations.interval))
        ->type_name("DURATION");
  }
  app.add_option("--url", arguments.url,
                 fmt::format("Service: http://HOST:PORT or unix:PATH; also ACCELERD_URL [default: {}]", kDefaultUrl))
      ->type_name("URL");
  app.add_option(
         "--timeout", durations.timeout,
         fmt::format("How long an answer may take, such as 30s or 2m; 0: for ever [default: {}]", durations.timeout))
      ->type_name("DURATION");
  app.add_flag("--json", arguments.json, "Print one JSON document, for programs");
}

std::vector<std::string> Flags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  return flags;
}

absl::Status CheckFiles(const ClientArguments& arguments) {
  const auto stdins = std::count(arguments.files.begin(), arguments.files.end(), "-");
  if (stdins > 1) {
    return absl::InvalidArgumentError("standard input (-) can be read once only");
  }
  if (stdins > 0 && arguments.by_path) {
    return absl::InvalidArgumentError("standard input (-) has no path: leave out --path");
  }
  if (!arguments.output_file.empty() && arguments.files.size() > 1) {
    return absl::InvalidArgumentError(
        fmt::format("-o writes the result of one file, but {} are given", arguments.files.size()));
  }
  if (arguments.output_file == "-" && arguments.json) {
    return absl::InvalidArgumentError("-o - and --json both write to standard output: choose one");
  }
  return absl::OkStatus();
}

absl::Status CheckThreshold(const std::string& text) {
  const bool plain = text.find_first_not_of("0123456789.eE+-") == std::string::npos;
  float threshold = 0.0F;
  if (text.empty() || (plain && absl::SimpleAtof(text, &threshold) && threshold >= 0.0F && threshold <= 1.0F)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("--threshold: \"{}\" is no number from 0 to 1, such as 0.5", text));
}

/// Makes `path` absolute.
absl::Status Resolve(const Environment& environment, std::string& path) {
  const auto absolute = ParsePath(path, environment.working_directory);
  if (!absolute) {
    return absl::InvalidArgumentError("a path is empty");
  }
  path = *absolute;
  return absl::OkStatus();
}

absl::StatusOr<std::chrono::milliseconds> ReadDuration(std::string_view flag, const std::string& text) {
  const auto duration = ParseDuration(text);
  if (!duration) {
    return absl::InvalidArgumentError(
        fmt::format("{}: \"{}\" is no duration: give 30s, 500ms, 2m or a number of seconds", flag, text));
  }
  return *duration;
}

absl::Status Complete(const Environment& environment, const Durations& durations, ClientArguments& arguments) {
  ACCELERD_ASSIGN_OR_RETURN(arguments.timeout, ReadDuration("--timeout", durations.timeout));
  ACCELERD_ASSIGN_OR_RETURN(arguments.interval, ReadDuration("--interval", durations.interval));
  if (arguments.interval < kLeastInterval) {
    return absl::InvalidArgumentError(fmt::format("--interval: \"{}\" is not accepted: it must be at least {} ms",
                                                  durations.interval, kLeastInterval.count()));
  }
  if (arguments.url.empty()) {
    arguments.url = environment.Variable("ACCELERD_URL");
  }
  if (arguments.url.empty()) {
    arguments.url = kDefaultUrl;
  }
  if (!arguments.directory.empty()) {
    ACCELERD_RETURN_IF_ERROR(Resolve(environment, arguments.directory));
  }
  ACCELERD_RETURN_IF_ERROR(CheckFiles(arguments));
  ACCELERD_RETURN_IF_ERROR(CheckThreshold(arguments.threshold));
  for (std::string& file : arguments.files) {
    if (arguments.by_path) {
      ACCELERD_RETURN_IF_ERROR(Resolve(environment, file));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClientArguments> ParseClientArguments(const std::string& command, std::span<const std::string> args,
                                                     const Environment& environment) {
  const CommandDescription* description = FindCommand(command);
  if (description == nullptr) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is no client command", command));
  }
  ClientArguments arguments;
  arguments.command = command;
  // Compiling a model takes its time.
  Durations durations{.timeout = description->operands == Operands::kModelAndFolder ? "10m" : "60s"};
  CLI::App app(std::string(description->summary) + ".", "accelerd " + command);
  Declare(app, *description, arguments, durations);
  ACCELERD_ASSIGN_OR_RETURN(
      const ParsedArguments parsed,
      ParseArguments(app, command, args, [&app](std::string_view flag) { return ClosestName(flag, Flags(app)); }));
  if (parsed == ParsedArguments::kHelp) {
    arguments.help = app.help();
    return arguments;
  }
  ACCELERD_RETURN_IF_ERROR(Complete(environment, durations, arguments));
  return arguments;
}

}  // namespace accelerd
