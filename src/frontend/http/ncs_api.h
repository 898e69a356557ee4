#ifndef ACCELERD_FRONTEND_HTTP_NCS_API_H_
#define ACCELERD_FRONTEND_HTTP_NCS_API_H_

#include <memory>

#include "frontend/http/byte_budget.h"
#include "frontend/http/router.h"
#include "service/inference_service.h"
#include "service/model_service.h"

namespace accelerd {

/// Adds the calls of the original NCS REST service to `router`: /, /load, /unload, /list, /input/shape,
/// /{inference,classify,detect,segment}/{file,path} and /test/{file,path}. Both services outlive the router. Large
/// answers are reserved from `answers`, before the inference if their size is known by then. Without room the call is
/// answered 503.
void AddNcsApi(InferenceService& inference, ModelService& models, const std::shared_ptr<ByteBudget>& answers,
               Router& router);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_NCS_API_H_
