#include <algorithm>
#include <array>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "config/option_table.h"
#include "config/value_parsers.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

// Flags of OpenVINO Model Server, Triton, Flask, uvicorn and the like.
constexpr std::array<OptionSynonym, 21> kSynonyms = {{
    {"port", "listen", "HOST:PORT"},
    {"host", "listen", "HOST:PORT"},
    {"bind", "listen", "HOST:PORT"},
    {"address", "listen", "HOST:PORT"},
    {"rest-port", "listen", "HOST:PORT"},
    {"http-port", "listen", "HOST:PORT"},
    {"socket", "listen", "unix:PATH"},
    {"unix-socket", "listen", "unix:PATH"},
    {"model", "models", "DIR"},
    {"model-dir", "models", "DIR"},
    {"model-path", "models", "DIR"},
    {"model-repository", "models", "DIR"},
    {"model-store", "models", "DIR"},
    {"target-device", "device", "DEVICE"},
    {"verbose", "log-level", "debug"},
    {"debug", "log-level", "debug"},
    {"quiet", "log-level", "warning"},
    {"log-verbose", "log-level", "debug"},
    {"nireq", "performance-hint", "throughput"},
    {"cache", "cache-dir", "DIR"},
    {"threads", "cpu-threads", "N"},
}};

std::string TomlString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.append(1, '\\').append(1, c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

absl::Status NotAccepted(const Option& option, std::string_view text, std::string_view source) {
  return absl::InvalidArgumentError(
      fmt::format("{}: {} is not accepted: {} takes {}", source, TomlString(text), option.name, Accepted(option)));
}

/// The default folder of a user: $XDG_…/accelerd, ~/…/accelerd, or none without a home.
std::string UserFolder(const FolderValue& value, const Environment& environment) {
  const std::string xdg = environment.Variable(value.xdg_variable);
  if (xdg.starts_with('/')) {  // The XDG specification: a relative path is to be ignored.
    return xdg + "/accelerd";
  }
  return environment.home.empty() ? "none" : fmt::format("{}/{}/accelerd", environment.home, value.home_folder);
}

}  // namespace

std::string_view GroupName(OptionGroup group) {
  switch (group) {
    case OptionGroup::kService:
      return "Service";
    case OptionGroup::kSharing:
      return "Sharing";
    case OptionGroup::kDevice:
      return "Device";
    case OptionGroup::kModels:
      return "Models";
    case OptionGroup::kLimits:
      return "Limits";
  }
  return "";
}

const Option* FindOption(std::string_view name) {
  const std::span<const Option> table = OptionTable();
  const auto found =
      std::find_if(table.begin(), table.end(), [name](const Option& option) { return option.name == name; });
  return found == table.end() ? nullptr : &*found;
}

const OptionSynonym* FindSynonym(std::string_view name) {
  std::string normal(name);
  std::ranges::transform(normal, normal.begin(), [](char c) { return c == '_' ? '-' : absl::ascii_tolower(c); });
  const auto* found = std::ranges::find(kSynonyms, normal, &OptionSynonym::name);
  return found == kSynonyms.end() ? nullptr : found;
}

std::string VariableName(const Option& option) {
  std::string name = "ACCELERD_";
  for (const char c : option.name) {
    name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

std::string Accepted(const Option& option) {
  return std::visit([](const auto& value) { return value.Accepted(); }, option.value);
}

bool IsList(const Option& option) {
  return std::visit([](const auto& value) { return kIsList<std::decay_t<decltype(value)>>; }, option.value);
}

bool DefaultDependsOnUser(const Option& option) {
  const auto* folder = std::get_if<FolderValue>(&option.value);
  return folder != nullptr && !folder->xdg_variable.empty();
}

std::string DefaultForPeople(const Option& option) {
  if (DefaultDependsOnUser(option)) {
    const auto& folder = std::get<FolderValue>(option.value);
    return fmt::format("{} for root, else ${}/accelerd or ~/{}/accelerd", option.default_text, folder.xdg_variable,
                       folder.home_folder);
  }
  return option.default_text.empty() ? "none" : std::string(option.default_text);
}

std::vector<std::string> DefaultTexts(const Option& option, const Environment& environment) {
  if (IsList(option)) {
    return SplitList(option.default_text);
  }
  if (DefaultDependsOnUser(option) && !environment.root) {
    return {UserFolder(std::get<FolderValue>(option.value), environment)};
  }
  return {std::string(option.default_text)};
}

absl::Status SetOption(const Option& option, const std::vector<std::string>& texts, std::string_view base,
                       std::string_view source, ServeOptions& options) {
  return std::visit(
      [&](const auto& value) {
        if constexpr (kIsList<std::decay_t<decltype(value)>>) {
          if (texts.size() < value.kMinElements) {
            return absl::InvalidArgumentError(
                fmt::format("{}: an empty list is not accepted: {} takes {}", source, option.name, Accepted(option)));
          }
          (options.*value.member).clear();
        }
        for (const std::string& text : texts) {
          if (!value.Set(text, base, options)) {
            return NotAccepted(option, text, source);
          }
        }
        return absl::OkStatus();
      },
      option.value);
}

std::string TomlValue(const Option& option, const ServeOptions& options) {
  std::vector<std::string> texts = std::visit([&](const auto& value) { return value.Get(options); }, option.value);
  if (std::holds_alternative<CountValue>(option.value) || std::holds_alternative<SwitchValue>(option.value)) {
    return texts.front();
  }
  std::transform(texts.begin(), texts.end(), texts.begin(), TomlString);
  return IsList(option) ? fmt::format("[{}]", fmt::join(texts, ", ")) : texts.front();
}

}  // namespace accelerd
