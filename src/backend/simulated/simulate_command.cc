#include "backend/simulated/simulate_command.h"

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "backend/simulated/stick_file.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;

/// The arguments as they were given.
struct Arguments {
  std::string file;
  bool json = false;
  std::vector<std::string> settings;
  std::string kind;
  std::string stage;
  std::string model;
  std::string delay = "0";
  std::uint64_t after = 0;
  std::uint64_t count = 1;
  double factor = 10;
};

std::string Footer() {
  std::string text = "Settings:\n";
  for (const StickSetting& setting : StickSettingTable()) {
    text += fmt::format("  {:<22}{}\n", setting.name, setting.help);
  }
  text += "\nFaults, and during what they can strike, the usual first:\n";
  for (const FaultKindRow& row : FaultKindTable()) {
    std::string stages;
    for (const FaultStage stage : row.stages) {
      stages += fmt::format("{}{}", stages.empty() ? "" : ", ", FaultStageName(stage));
    }
    text += fmt::format("  {:<22}{}\n  {:<22}  ({})\n", row.name, row.help, "", stages);
  }
  return text;
}

void Declare(CLI::App& app, Arguments& arguments) {
  app.name("accelerd simulate");
  app.require_subcommand(0, 1);
  app.footer(Footer());
  app.add_option("FILE", arguments.file, "The state file: what follows SIMULATED: in --device")->required();
  app.add_flag("--json", arguments.json, "Show the state as JSON");
  CLI::App* show = app.add_subcommand("show", "Show the stick (also without a command)");
  show->add_flag("--json", arguments.json, "As JSON");
  CLI::App* set = app.add_subcommand("set", "Change settings: latency=5ms slots=2");
  set->add_option("SETTING", arguments.settings, "NAME=VALUE")->required();
  app.add_subcommand("unplug", "Unplug the stick now");
  app.add_subcommand("replug", "Plug it in again now");
  app.add_subcommand("clear", "Drop the faults that are due");
  app.add_subcommand("reset", "A new stick: default settings, plugged in, no faults, counters at 0");
  CLI::App* fault = app.add_subcommand("fault", "Let a fault happen");
  fault->add_option("KIND", arguments.kind, "See below")->required();
  fault->add_option("--during", arguments.stage, "now, open, load, run or probe. Default: the usual of the kind");
  fault
      ->add_option("--after-runs,--after", arguments.after,
                   "Let N inferences (openings, loads, probes) pass first; without --during it strikes a run")
      ->check(CLI::NonNegativeNumber);
  fault->add_option("--in", arguments.delay, "Not before this time from now: 10s");
  fault->add_option("--model", arguments.model, "Only for this model; without --during it strikes a run");
  fault->add_option("--count", arguments.count, "How many times. Default: 1; 0: without end")
      ->check(CLI::NonNegativeNumber);
  fault->add_option("--factor", arguments.factor, "Of slow. Default: 10");
}

absl::StatusOr<Fault> MakeFault(const CLI::App& command, const Arguments& arguments) {
  Fault fault;
  ACCELERD_ASSIGN_OR_RETURN(fault.kind, ParseFaultKind(arguments.kind));
  fault.stage = RowOf(fault.kind).stages.front();
  if (!arguments.stage.empty()) {
    ACCELERD_ASSIGN_OR_RETURN(fault.stage, ParseFaultStage(arguments.stage));
  } else if (fault.stage == FaultStage::kNow && (command.count("--after-runs") > 0 || command.count("--model") > 0)) {
    fault.stage = FaultStage::kRun;
  }
  ACCELERD_ASSIGN_OR_RETURN(const Duration delay, ParseDuration(arguments.delay));
  fault.at = delay > Duration(0) ? WallClockSeconds() + std::chrono::duration<double>(delay).count() : 0;
  fault.model = arguments.model;
  fault.after = arguments.after;
  fault.count = arguments.count;
  fault.factor = arguments.factor;
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

absl::Status Edit(const CLI::App& command, const Arguments& arguments, StickState& state) {
  const std::string& name = command.get_name();
  if (name == "set") {
    return Set(state, arguments.settings);
  }
  if (name == "fault") {
    ACCELERD_ASSIGN_OR_RETURN(const Fault fault, MakeFault(command, arguments));
    return AddFault(state, fault);
  }
  if (name == "clear") {
    state.faults.clear();
  } else if (name == "reset") {
    Reset(state);
  } else {
    Plug(state, name == "replug");
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

absl::Status Run(const CLI::App& app, const Arguments& arguments) {
  StickFile file(arguments.file);
  const std::vector<const CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) {
    if (command->parsed() && command->get_name() != "show") {
      return file.Update([&](StickState& state) { return Edit(*command, arguments, state); }).status();
    }
  }
  return Show(file, arguments.json);
}

}  // namespace

int RunSimulateCommand(std::span<const std::string> args) {
  CLI::App app("Shows and edits the state file of a simulated device.");
  Arguments arguments;
  Declare(app, arguments);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "accelerd: {}\nsee accelerd simulate --help\n", error.what());
    return kUsageError;
  }
  const absl::Status status = Run(app, arguments);
  if (status.ok()) {
    return 0;
  }
  fmt::print(stderr, "accelerd: {}\n", Message(status));
  return status.code() == absl::StatusCode::kInvalidArgument ? kUsageError : kFailed;
}

}  // namespace accelerd
