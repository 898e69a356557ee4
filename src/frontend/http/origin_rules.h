#ifndef ACCELERD_FRONTEND_HTTP_ORIGIN_RULES_H_
#define ACCELERD_FRONTEND_HTTP_ORIGIN_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "frontend/http/request_parser.h"
#include "frontend/http/router.h"

namespace accelerd {

/// Keeps web pages that a browser of this machine shows from using the service: what the browser can reach, the pages
/// of every site can send requests to.
struct OriginRules {
  std::vector<std::string> origins;  ///< Whose pages may: "https://robot.example", in lower case; "*": everybody's.
  std::vector<std::string>
      hosts;  ///< Names of the service besides localhost, in lower case and without a dot at the end; "*": any.
};

/// The answer to a request that is not to reach a route: 403 when its Origin is another site's or its Host a name that
/// is not the service's, 200 for the preflight of an origin that may (Fetch Standard, 3.2). nullopt for all others.
///
/// `at_loopback`: the request came to a loopback address. There alone the Host is judged: a page may have the name of
/// its own server resolve to this machine (DNS rebinding), while who is reached from elsewhere has names there that
/// nobody here knows.
std::optional<HttpResponse> AnswerByOrigin(const RequestHead& head, const OriginRules& rules, bool at_loopback);

/// The lines of an answer's header that let the page read it; empty for a request without an allowed Origin.
std::string OriginHeaders(const RequestHead& head, const OriginRules& rules);

/// Whether an address, as HttpServer::addresses() writes it, is reached from this machine alone.
bool IsLoopback(std::string_view address);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_ORIGIN_RULES_H_
