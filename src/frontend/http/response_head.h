#ifndef ACCELERD_FRONTEND_HTTP_RESPONSE_HEAD_H_
#define ACCELERD_FRONTEND_HTTP_RESPONSE_HEAD_H_

#include <ctime>
#include <string>
#include <string_view>

#include "frontend/http/router.h"

namespace accelerd {

/// Status line and header of an answer, up to the body: Date, Server, Content-Type, Content-Length (both but for 204),
/// Connection and what the response has, then `lines`, each with its line end. `version` is the request's, 10 or 11.
std::string FormatResponseHead(const HttpResponse& response, int version, bool keep_alive, std::time_t now,
                               std::string_view lines = {});

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_RESPONSE_HEAD_H_
