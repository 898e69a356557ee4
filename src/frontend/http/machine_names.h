#ifndef ACCELERD_FRONTEND_HTTP_MACHINE_NAMES_H_
#define ACCELERD_FRONTEND_HTTP_MACHINE_NAMES_H_

#include <string>
#include <vector>

namespace accelerd {

/// Returns the names by which this machine calls itself, in lower case: `hostname` and its first label, and what
/// `hosts_file` (hosts(5)) has on the lines that name `hostname` or a loopback address. At most 256 names.
///
/// No name service is asked: whoever runs one, such as that of a public network, could make up a name.
std::vector<std::string> MachineNames(const std::string& hostname, const std::string& hosts_file = "/etc/hosts");

/// The machine's own name, as gethostname(2) has it.
std::string HostName();

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_MACHINE_NAMES_H_
