#ifndef ACCELERD_FRONTEND_HTTP_NCS_RENDER_H_
#define ACCELERD_FRONTEND_HTTP_NCS_RENDER_H_

#include <memory>
#include <string_view>
#include <vector>

#include "frontend/http/answer_memory.h"
#include "frontend/http/router.h"
#include "image/image.h"
#include "model/model_status.h"
#include "service/model_service.h"
#include "task/result.h"

namespace accelerd {

/// A result as the original NCS REST service answers it: a tensor or mask as .npy; classes as
/// `[{"class", "score"}]`, boxes as `[{"class", "score", "x", "y", "w", "h"}]` in whole pixels of the image; scores are
/// whole percents. Everything is cut off to whole numbers as Python's int() does with float32 values. With `labels`,
/// which the original did not know, each class and box has its "label" too, "" where the model names none.
/// kResourceExhausted: there is no room for the body. The caller attaches the room to the response.
absl::StatusOr<HttpResponse> RenderResult(const TaskResult& result, bool labels, AnswerRoom& room);

/// uint8 .npy of shape (rows, cols, 3). kResourceExhausted as RenderResult.
absl::StatusOr<HttpResponse> RenderImage(std::shared_ptr<const Image> image, AnswerRoom& room);

/// Adds the header X-Image-Warning to an answer if `warning` (see Image::warning) is not empty.
absl::StatusOr<HttpResponse> WithImageWarning(absl::StatusOr<HttpResponse> response, std::string_view warning);

/// JSON array of the names of the models that are ready.
HttpResponse RenderList(const std::vector<ModelStatus>& models);

/// JSON array [n,c,h,w].
HttpResponse RenderShape(const ModelDescription& model);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_NCS_RENDER_H_
