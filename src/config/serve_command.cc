#include "config/serve_command.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "config/command_line.h"
#include "config/config_file.h"
#include "config/documentation.h"
#include "config/option_table.h"
#include "config/value_parsers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// Fills the options from one source after another, and remembers where each value came from.
class Configuration {
 public:
  explicit Configuration(const Environment& environment) : environment_(environment) {}

  absl::Status SetDefaults() {
    for (const Option& option : OptionTable()) {
      ACCELERD_RETURN_IF_ERROR(
          Set(option, DefaultTexts(option, environment_), environment_.working_directory, "default", "default"));
    }
    return absl::OkStatus();
  }

  absl::Status SetFromFile(const std::string& path) {
    ACCELERD_ASSIGN_OR_RETURN(const std::vector<FileEntry> entries, ReadConfigFile(path));
    const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    for (const FileEntry& entry : entries) {
      ACCELERD_RETURN_IF_ERROR(SetFromEntry(entry, folder));
    }
    return absl::OkStatus();
  }

  absl::Status SetFromVariables() {
    for (const Option& option : OptionTable()) {
      const std::string name = VariableName(option);
      const std::string value = environment_.Variable(name);
      if (!value.empty()) {
        ACCELERD_RETURN_IF_ERROR(Set(option, IsList(option) ? SplitList(value) : std::vector<std::string>{value},
                                     environment_.working_directory, name, "environment " + name));
      }
    }
    return absl::OkStatus();
  }

  absl::Status SetFromFlags(const CommandLine& line) {
    for (const Option& option : OptionTable()) {
      const auto found = line.values.find(std::string(option.name));
      if (found != line.values.end()) {
        const std::string flag = fmt::format("--{}", option.name);
        ACCELERD_RETURN_IF_ERROR(Set(option, found->second, environment_.working_directory, flag, "flag " + flag));
      }
    }
    return absl::OkStatus();
  }

  /// The effective configuration as TOML; a comment behind each value says where it comes from.
  std::string Describe() const {
    std::string text;
    for (const Option& option : OptionTable()) {
      text += fmt::format("{:<50} # {}\n", fmt::format("{} = {}", option.name, TomlValue(option, options_)),
                          origins_.at(option.name));
    }
    return text;
  }

  const ServeOptions& options() const { return options_; }

  bool is_default(std::string_view name) const { return origins_.at(name) == "default"; }

 private:
  absl::Status Set(const Option& option, const std::vector<std::string>& texts, std::string_view base,
                   std::string_view source, std::string_view origin) {
    origins_[option.name] = origin;
    return SetOption(option, texts, base, source, options_);
  }

  absl::Status SetFromEntry(const FileEntry& entry, std::string_view folder);

  const Environment& environment_;
  ServeOptions options_;
  std::map<std::string_view, std::string> origins_;
};

/// Whether a value of this TOML type can hold the option's value.
bool Fits(const Option& option, FileEntry::Type type) {
  const bool text = type == FileEntry::Type::kString;
  const bool integer = type == FileEntry::Type::kInteger;
  if (IsList(option)) {
    return type == FileEntry::Type::kStringArray;
  }
  if (std::holds_alternative<CountValue>(option.value)) {
    return integer;
  }
  if (std::holds_alternative<SwitchValue>(option.value)) {
    return type == FileEntry::Type::kBoolean;
  }
  if (std::holds_alternative<DurationValue>(option.value)) {
    return text || integer || type == FileEntry::Type::kFloat;
  }
  if (std::holds_alternative<BytesValue>(option.value) || std::holds_alternative<FileModeValue>(option.value)) {
    return text || integer;
  }
  return text;
}

absl::Status UnknownKey(const FileEntry& entry) {
  std::vector<std::string> known;
  for (const Option& option : OptionTable()) {
    known.emplace_back(option.name);
  }
  const OptionSynonym* synonym = FindSynonym(entry.key);
  const auto closest = synonym != nullptr ? std::string(synonym->option) : ClosestName(entry.key, known);
  return absl::InvalidArgumentError(
      fmt::format("{}: unknown key \"{}\"{}", entry.place, entry.key,
                  closest ? fmt::format("; did you mean \"{}\"?", *closest) : std::string()));
}

absl::Status Configuration::SetFromEntry(const FileEntry& entry, std::string_view folder) {
  const Option* option = FindOption(entry.key);
  if (option == nullptr) {
    return UnknownKey(entry);
  }
  if (!Fits(*option, entry.type)) {
    return absl::InvalidArgumentError(fmt::format("{}: {} is not accepted: {} takes {}{}", entry.place, entry.type_name,
                                                  entry.key, IsList(*option) ? "an array of strings: " : "",
                                                  Accepted(*option)));
  }
  return Set(*option, entry.texts, folder, entry.place, "file " + entry.place);
}

/// The file of --config, else of ACCELERD_CONFIG, made absolute; nothing when neither is given.
std::optional<std::string> ConfigPath(const CommandLine& line, const Environment& environment) {
  const std::string given = line.config.empty() ? environment.Variable("ACCELERD_CONFIG") : line.config;
  return ParsePath(given, environment.working_directory);
}

/// Returns the variable that `name` was probably meant to be, or nothing.
std::optional<std::string> ClosestVariable(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t kPrefix = std::string_view("ACCELERD_").size();
  if (const OptionSynonym* synonym = FindSynonym(name.substr(kPrefix))) {
    return VariableName(*FindOption(synonym->option));
  }
  return ClosestName(name, known);
}

/// Variables that look like a misspelt option. Others that begin with ACCELERD_ may be anybody's.
std::vector<std::string> VariableWarnings(const Environment& environment) {
  std::vector<std::string> known = {"ACCELERD_CONFIG", "ACCELERD_URL", "ACCELERD_TEST_DATA"};
  for (const Option& option : OptionTable()) {
    known.push_back(VariableName(option));
  }
  std::vector<std::string> warnings;
  for (const auto& [name, value] : environment.variables) {
    // Container platforms set ACCELERD_PORT and others to "tcp://…" for a service that is called accelerd.
    if (!name.starts_with("ACCELERD_") || value.starts_with("tcp://") ||
        std::find(known.begin(), known.end(), name) != known.end()) {
      continue;
    }
    if (const auto closest = ClosestVariable(name, known)) {
      warnings.push_back(
          fmt::format("the environment variable {} is no option and was ignored; did you mean {}?", name, *closest));
    }
  }
  return warnings;
}

}  // namespace

absl::StatusOr<ServeCommand> ParseServeCommand(std::span<const std::string> args, const Environment& environment) {
  ServeCommand command;
  ACCELERD_ASSIGN_OR_RETURN(const CommandLine line, ParseCommandLine(args));
  if (line.help) {
    command.action = ServeCommand::Action::kHelp;
    command.text = ServeHelp();
    return command;
  }
  Configuration configuration(environment);
  ACCELERD_RETURN_IF_ERROR(configuration.SetDefaults());
  if (const auto path = ConfigPath(line, environment)) {
    ACCELERD_RETURN_IF_ERROR(configuration.SetFromFile(*path));
  }
  ACCELERD_RETURN_IF_ERROR(configuration.SetFromVariables());
  ACCELERD_RETURN_IF_ERROR(configuration.SetFromFlags(line));
  ACCELERD_RETURN_IF_ERROR(ValidateServeOptions(configuration.options()));
  command.options = configuration.options();
  command.options.listen_by_default = configuration.is_default("listen");
  command.warnings = VariableWarnings(environment);
  if (line.check_config) {
    command.action = ServeCommand::Action::kCheck;
    command.text = configuration.Describe();
  }
  return command;
}

}  // namespace accelerd
