#ifndef ACCELERD_CONFIG_OPTION_VALUES_H_
#define ACCELERD_CONFIG_OPTION_VALUES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/serve_options.h"

/// \file
/// The kinds of values that options have. Each kind is bound to a member of ServeOptions and offers
///   Set       reads `text` into the member (a list: appends it); false when it does not accept `text`. Relative paths
///             start at `base`.
///   Get       the member as texts that Set reads back.
///   Accepted  for people: what Set takes, to follow "takes".
/// A list also says how many elements it has at least (kMinElements).

namespace accelerd {

/// Another spelling of a choice, such as "warn" for "warning".
struct ChoiceAlias {
  std::string_view alias;
  std::string_view choice;
};

/// One of `choices`, or any text that is not empty. Choices and aliases are accepted in any case and with spaces around
/// them; the member holds the choice.
struct TextValue {
  std::string ServeOptions::* member;
  std::vector<std::string_view> choices = {};
  bool may_be_empty = false;
  std::vector<ChoiceAlias> aliases = {};

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const { return {options.*member}; }
  std::string Accepted() const;
};

/// A whole number.
struct CountValue {
  std::int64_t ServeOptions::* member;
  std::int64_t min;
  std::int64_t max;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

struct BytesValue {
  std::size_t ServeOptions::* member;
  std::size_t min;
  std::size_t max;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

struct DurationValue {
  std::chrono::milliseconds ServeOptions::* member;
  std::chrono::milliseconds min;
  std::chrono::milliseconds max;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

/// True or false. As a flag without a value it means true.
struct SwitchValue {
  bool ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

/// Permissions in octal.
struct FileModeValue {
  int ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

/// A folder, or "none" (an empty member) where that is allowed.
struct FolderValue {
  std::string ServeOptions::* member;
  bool may_be_none = false;
  /// For another user than root the default is "accelerd" beneath this XDG variable, or beneath `home_folder` of the
  /// home; empty: the same default for all.
  std::string_view xdg_variable = {};
  std::string_view home_folder = {};

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

struct AddressListValue {
  static constexpr std::size_t kMinElements = 1;

  std::vector<std::string> ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const { return options.*member; }
  std::string Accepted() const;
};

/// Names of models, "all" or "none".
struct NameListValue {
  static constexpr std::size_t kMinElements = 1;

  std::vector<std::string> ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const { return options.*member; }
  std::string Accepted() const;
};

/// Folders; the list may be empty.
struct FolderListValue {
  static constexpr std::size_t kMinElements = 0;

  std::vector<std::string> ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const { return options.*member; }
  std::string Accepted() const;
};

/// Rules for clients; the list may be empty.
struct ClientListValue {
  static constexpr std::size_t kMinElements = 0;

  std::vector<ClientOption> ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const;
  std::string Accepted() const;
};

/// Origins of web pages, "SCHEME://HOST[:PORT]", or "*"; the list may be empty.
struct OriginListValue {
  static constexpr std::size_t kMinElements = 0;

  std::vector<std::string> ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const { return options.*member; }
  std::string Accepted() const;
};

/// Names of hosts without ports, or "*"; the list may be empty.
struct HostListValue {
  static constexpr std::size_t kMinElements = 0;

  std::vector<std::string> ServeOptions::* member;

  bool Set(std::string_view text, std::string_view base, ServeOptions& options) const;
  std::vector<std::string> Get(const ServeOptions& options) const { return options.*member; }
  std::string Accepted() const;
};

template <typename Value>
inline constexpr bool kIsList = requires { Value::kMinElements; };

using OptionValue =
    std::variant<TextValue, CountValue, BytesValue, DurationValue, SwitchValue, FileModeValue, FolderValue,
                 AddressListValue, NameListValue, FolderListValue, ClientListValue, OriginListValue, HostListValue>;

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_OPTION_VALUES_H_
