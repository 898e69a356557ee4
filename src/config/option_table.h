#ifndef ACCELERD_CONFIG_OPTION_TABLE_H_
#define ACCELERD_CONFIG_OPTION_TABLE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"
#include "config/option_values.h"
#include "config/serve_options.h"

namespace accelerd {

enum class OptionGroup { kService, kSharing, kDevice, kModels, kLimits };

/// "Service", "Device" …
std::string_view GroupName(OptionGroup group);

/// One option of `accelerd serve`: flag --NAME, variable ACCELERD_NAME and key NAME of the configuration file.
struct Option {
  std::string_view name;
  std::string_view placeholder;  ///< Of its value, in --help.
  OptionGroup group;
  OptionValue value;
  std::string_view default_text;  ///< As in a variable: a list's elements are separated by commas.
  std::string_view help;          ///< Sentences; the last one without its full stop.
};

/// Every option, sorted by group.
std::span<const Option> OptionTable();

/// The option `name`, or null.
const Option* FindOption(std::string_view name);

/// What other programs call an option: people try these names first.
struct OptionSynonym {
  std::string_view name;    ///< The other program's name, such as "port".
  std::string_view option;  ///< Name of the option that does the same here.
  std::string_view value;   ///< The form of its value, for people: "HOST:PORT".
};

/// Returns the synonym `name`, in any case and with "-" or "_" between words, or null if there is none.
const OptionSynonym* FindSynonym(std::string_view name);

/// "ACCELERD_MAX_QUEUE" for max-queue.
std::string VariableName(const Option& option);

/// What the option takes, for people.
std::string Accepted(const Option& option);

bool IsList(const Option& option);

/// Whether the default is another one for root than for other users.
bool DefaultDependsOnUser(const Option& option);

/// The default for people: the text, and what it is for another user than root where that differs.
std::string DefaultForPeople(const Option& option);

/// The default in this environment as texts, one for each element of a list.
std::vector<std::string> DefaultTexts(const Option& option, const Environment& environment);

/// Replaces the option's value by `texts`: one, or the elements of a list. Relative paths start at `base`.
/// kInvalidArgument begins with `source` and names the value and what is accepted.
absl::Status SetOption(const Option& option, const std::vector<std::string>& texts, std::string_view base,
                       std::string_view source, ServeOptions& options);

/// The option's value as the configuration file spells it: `["127.0.0.1:5001"]`, `"30s"`, `256`.
std::string TomlValue(const Option& option, const ServeOptions& options);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_OPTION_TABLE_H_
