#ifndef ACCELERD_SERVICE_MODEL_SERVICE_H_
#define ACCELERD_SERVICE_MODEL_SERVICE_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/done.h"
#include "base/tensor.h"
#include "model/model_status.h"
#include "model/tensor_spec.h"
#include "service/call_context.h"

namespace accelerd {

/// A model by the folder that holds it.
struct ModelSpec {
  std::string directory;  ///< Absolute; beneath the models directory or an allowed one.
  std::string name;
  bool replace = false;  ///< Whether a model of this name that was loaded from another folder may be replaced.
};

/// What a ready model takes and gives.
struct ModelDescription {
  Signature signature;
  Shape image_shape;  ///< [n,c,h,w] that images are fed as, whatever the layout; the first input's own shape when it
                      ///< takes no image.
};

/// Loading, unloading, listing. Implemented by the service. Thread-safe.
class ModelService {
 public:
  virtual ~ModelService() = default;

  /// Completes on any thread when the model serves what its files hold now. What was loaded before under this name
  /// serves until then, and goes on when the load fails. Cancelling ends the wait, not the load. kPermissionDenied: the
  /// directory is not allowed. kInvalidArgument: the name is malformed. kNotFound: there is no model file.
  /// kAlreadyExists: the name is loaded from other files. kResourceExhausted: as many models are loaded as may be.
  /// kUnavailable: the load failed.
  virtual void Load(CallContext context, ModelSpec spec, Done<> done) = 0;

  /// Completes when no new call can reach the model, also when none is loaded by this name.
  virtual void Unload(CallContext context, std::string model, Done<> done) = 0;

  /// Every wanted model, sorted by name.
  virtual std::vector<ModelStatus> List() const = 0;

  /// kNotFound: the model is not loaded. kUnavailable: it is still loading, or failed.
  virtual absl::StatusOr<ModelDescription> Describe(std::string_view model) const = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_MODEL_SERVICE_H_
