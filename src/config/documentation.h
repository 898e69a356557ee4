#ifndef ACCELERD_CONFIG_DOCUMENTATION_H_
#define ACCELERD_CONFIG_DOCUMENTATION_H_

#include <string>

/// \file
/// The options table for people. The texts are the same on every machine and for every user.

namespace accelerd {

/// What `accelerd serve --help` prints.
std::string ServeHelp();

/// A configuration file in which every option stands with its default, commented out. Lines of prose begin with "# ",
/// those of settings with "#" alone.
std::string ReferenceConfig();

/// docs/configuration.md.
std::string ConfigurationMarkdown();

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_DOCUMENTATION_H_
