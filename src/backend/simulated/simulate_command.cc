#include "backend/simulated/simulate_command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <map>
#include <string_view>
#include <system_error>
#include <vector>

#include "backend/simulated/stick_file.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;

/// What the arguments say.
struct Arguments {
  bool help = false;
  std::string file;
  std::string command = "show";
  std::vector<std::string> operands;           ///< Of the command.
  std::map<std::string, std::string> options;  ///< By name, without the dashes.
};

struct CommandRow {
  std::string_view name;
  std::string_view operands;  ///< As people read it.
  std::size_t min_operands;
  std::size_t max_operands;
  std::string_view help;
};
constexpr std::array<CommandRow, 7> kCommands = {
    {{"show", "[--json]", 0, 0, "the stick; also without a command"},
     {"set", "NAME=VALUE...", 1, 100, "change settings"},
     {"unplug", "", 0, 0, "unplug the stick now"},
     {"replug", "", 0, 0, "plug it in again now"},
     {"fault", "KIND [OPTIONS]", 1, 1, "let a fault happen"},
     {"clear", "", 0, 0, "drop the faults that are due"},
     {"reset", "", 0, 0, "a new stick: default settings, plugged in, no faults, counters at 0"}}};

struct OptionRow {
  std::string_view name;
  std::string_view command;
  std::string_view value;  ///< Empty: it takes none.
  std::string_view help;
};
constexpr std::array<OptionRow, 7> kOptions = {
    {{"json", "show", "", "as JSON"},
     {"during", "fault", "STAGE", "now, open, load, run or probe; default: the usual one of the kind"},
     {"after-runs", "fault", "N", "let N inferences (openings, loads, probes) pass first"},
     {"in", "fault", "DURATION", "not before this time from now: 10s"},
     {"model", "fault", "NAME", "only for this model"},
     {"count", "fault", "N", "how many times; default: 1; 0: without end"},
     {"factor", "fault", "F", "of slow; default: 10"}}};

std::string Help() {
  std::string text =
      "Shows and edits a simulated device: FILE is what follows SIMULATED: in --device.\n\n"
      "Usage: accelerd simulate FILE [COMMAND]\n\nCommands:\n";
  for (const CommandRow& row : kCommands) {
    text += fmt::format("  {:<24}{}\n", fmt::format("{} {}", row.name, row.operands), row.help);
  }
  text += "\nOptions of fault:\n";
  for (const OptionRow& row : kOptions) {
    if (row.command == "fault") {
      text += fmt::format("  {:<24}{}\n", fmt::format("--{} {}", row.name, row.value), row.help);
    }
  }
  text += "\nSettings:\n";
  for (const StickSetting& setting : StickSettingTable()) {
    text += fmt::format("  {:<24}{}\n", setting.name, setting.help);
  }
  text += "\nKinds of faults, and during what they can strike, the usual first:\n";
  for (const FaultKindRow& row : FaultKindTable()) {
    std::string stages;
    for (const FaultStage stage : row.stages) {
      stages += fmt::format("{}{}", stages.empty() ? "" : ", ", FaultStageName(stage));
    }
    text += fmt::format("  {:<24}{} ({})\n", row.name, row.help, stages);
  }
  return text;
}

/// Whether what was given goes together.
absl::Status Validate(const Arguments& arguments) {
  if (arguments.file.empty()) {
    return absl::InvalidArgumentError("the state file is missing: accelerd simulate FILE [COMMAND]");
  }
  const auto* command = std::ranges::find(kCommands, arguments.command, &CommandRow::name);
  if (command == kCommands.end()) {
    return absl::InvalidArgumentError(fmt::format("there is no command \"{}\"", arguments.command));
  }
  if (arguments.operands.size() < command->min_operands || arguments.operands.size() > command->max_operands) {
    return absl::InvalidArgumentError(fmt::format("give: {} {}", command->name, command->operands));
  }
  for (const auto& [name, value] : arguments.options) {
    const auto* option = std::ranges::find(kOptions, name, &OptionRow::name);
    if (option->command != arguments.command) {
      return absl::InvalidArgumentError(fmt::format("--{} belongs to {}", name, option->command));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Arguments> Parse(std::span<const std::string> args) {
  Arguments arguments;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--help" || args[i] == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (!args[i].starts_with("--")) {
      words.push_back(args[i]);
      continue;
    }
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].substr(2, equals == std::string::npos ? equals : equals - 2);
    const auto* option = std::ranges::find(kOptions, name, &OptionRow::name);
    if (option == kOptions.end()) {
      return absl::InvalidArgumentError(fmt::format("unknown flag --{}", name));
    }
    const bool separate = !option->value.empty() && equals == std::string::npos;
    if ((separate && i + 1 == args.size()) || (option->value.empty() && equals != std::string::npos)) {
      return absl::InvalidArgumentError(fmt::format("--{} takes {} value", name, separate ? "a" : "no"));
    }
    arguments.options[name] = separate ? args[++i] : equals == std::string::npos ? "" : args[i].substr(equals + 1);
  }
  arguments.file = words.empty() ? "" : words[0];
  if (words.size() > 1) {
    arguments.command = words[1];
    arguments.operands.assign(words.begin() + 2, words.end());
  }
  ACCELERD_RETURN_IF_ERROR(Validate(arguments));
  return arguments;
}

/// Sets `number` to the value of an option, where it is given.
template <typename T>
absl::Status ReadNumber(const Arguments& arguments, const std::string& name, T& number) {
  const auto option = arguments.options.find(name);
  if (option == arguments.options.end()) {
    return absl::OkStatus();
  }
  const std::string& text = option->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return absl::InvalidArgumentError(fmt::format("--{} is no number: \"{}\"", name, text));
  }
  return absl::OkStatus();
}

absl::StatusOr<Fault> MakeFault(const Arguments& arguments) {
  const std::map<std::string, std::string>& options = arguments.options;
  Fault fault;
  ACCELERD_ASSIGN_OR_RETURN(fault.kind, ParseFaultKind(arguments.operands.front()));
  fault.stage = RowOf(fault.kind).stages.front();
  if (options.contains("during")) {
    ACCELERD_ASSIGN_OR_RETURN(fault.stage, ParseFaultStage(options.at("during")));
  } else if (fault.stage == FaultStage::kNow && (options.contains("after-runs") || options.contains("model"))) {
    fault.stage = FaultStage::kRun;
  }
  if (options.contains("in")) {
    ACCELERD_ASSIGN_OR_RETURN(const Duration delay, ParseSimulatedDuration(options.at("in")));
    fault.at = WallClockSeconds() + std::chrono::duration<double>(delay).count();
  }
  if (options.contains("model")) {
    fault.model = options.at("model");
  }
  ACCELERD_RETURN_IF_ERROR(ReadNumber(arguments, "after-runs", fault.after));
  ACCELERD_RETURN_IF_ERROR(ReadNumber(arguments, "count", fault.count));
  ACCELERD_RETURN_IF_ERROR(ReadNumber(arguments, "factor", fault.factor));
  ACCELERD_RETURN_IF_ERROR(ValidateFault(fault));
  return fault;
}

absl::Status AddFault(StickState& state, const Fault& fault) {
  const bool crashes = fault.kind == FaultKind::kCrash || fault.kind == FaultKind::kScribble;
  if (crashes && !state.settings.allow_process_crash) {
    return absl::FailedPreconditionError(
        "this fault kills the process that opened the stick; allow it with: set allow_process_crash=true");
  }
  state.faults.push_back(fault);
  return absl::OkStatus();
}

absl::Status Set(StickState& state, const std::vector<std::string>& settings) {
  for (const std::string_view setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string_view::npos) {
      return absl::InvalidArgumentError(fmt::format("\"{}\" is not NAME=VALUE", setting));
    }
    ACCELERD_RETURN_IF_ERROR(SetStickSetting(state.settings, setting.substr(0, equals), setting.substr(equals + 1)));
  }
  return absl::OkStatus();
}

/// The running owner keeps its place in the new stick's state, and sees that it was not unplugged.
void Reset(StickState& state) {
  StickState fresh;
  fresh.owner = state.owner;
  fresh.counters.unplugs = state.counters.unplugs;
  state = fresh;
}

absl::Status Edit(const Arguments& arguments, StickState& state) {
  if (arguments.command == "set") {
    return Set(state, arguments.operands);
  }
  if (arguments.command == "fault") {
    ACCELERD_ASSIGN_OR_RETURN(const Fault fault, MakeFault(arguments));
    return AddFault(state, fault);
  }
  if (arguments.command == "clear") {
    state.faults.clear();
  } else if (arguments.command == "reset") {
    Reset(state);
  } else {
    Plug(state, arguments.command == "replug");
  }
  return absl::OkStatus();
}

std::string FaultToText(const Fault& fault) {
  std::string text = fmt::format("{}, during {}", RowOf(fault.kind).name, FaultStageName(fault.stage));
  if (!fault.model.empty()) {
    text += fmt::format(", of model {}", fault.model);
  }
  if (fault.after > 0) {
    text += fmt::format(", after {} more", fault.after);
  }
  if (fault.at > 0) {
    text += fmt::format(", in {:.1f} s", fault.at - WallClockSeconds());
  }
  if (fault.kind == FaultKind::kSlow) {
    text += fmt::format(", {} times as long", fault.factor);
  }
  return text + (fault.count == 0 ? ", without end" : fault.count == 1 ? "" : fmt::format(", {} times", fault.count));
}

std::string ToText(const StickState& state, bool owned) {
  std::string text = fmt::format("{}, {}\n", state.present ? "plugged in" : "unplugged",
                                 owned ? fmt::format("owned by process {}", state.owner) : "owned by nobody");
  for (const StickSetting& setting : StickSettingTable()) {
    text += fmt::format("  {:<20} {}\n", setting.name, setting.get(state.settings));
  }
  const StickCounters& counters = state.counters;
  text += fmt::format("{} openings, {} loads, {} inferences, {} unplugs, {} faults so far\n", counters.opens,
                      counters.loads, counters.runs, counters.unplugs, counters.faults);
  for (const Fault& fault : state.faults) {
    text += fmt::format("due: {}\n", FaultToText(fault));
  }
  return text;
}

absl::Status Show(StickFile& file, bool json) {
  ACCELERD_ASSIGN_OR_RETURN(const StickState state, file.Read());
  ACCELERD_ASSIGN_OR_RETURN(const bool owned, file.Owned());
  if (json) {
    auto object = nlohmann::ordered_json::parse(StickStateToJson(state));
    object["owned"] = owned;
    fmt::print("{}\n", object.dump(2));
  } else {
    fmt::print("{}", ToText(state, owned));
  }
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments) {
  StickFile file(arguments.file);
  if (arguments.command == "show") {
    return Show(file, arguments.options.contains("json"));
  }
  return file.Update([&](StickState& state) { return Edit(arguments, state); }).status();
}

}  // namespace

int RunSimulateCommand(std::span<const std::string> args) {
  const absl::StatusOr<Arguments> arguments = Parse(args);
  if (arguments.ok() && arguments->help) {
    fmt::print("{}", Help());
    return 0;
  }
  const absl::Status status = arguments.ok() ? Run(*arguments) : arguments.status();
  if (status.ok()) {
    return 0;
  }
  const bool usage = status.code() == absl::StatusCode::kInvalidArgument;
  fmt::print(stderr, "accelerd: {}\n{}", Message(status), usage ? "see accelerd simulate --help\n" : "");
  return usage ? kUsageError : kFailed;
}

}  // namespace accelerd
