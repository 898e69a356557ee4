#ifndef ACCELERD_MODEL_LABELS_FILE_H_
#define ACCELERD_MODEL_LABELS_FILE_H_

#include <string>

#include "model/model_files.h"

namespace accelerd {

/// Returns the path of the labels file that the NAME.toml of a model names, whether or not that file can be read.
/// Empty: NAME.toml names none, or is broken.
std::string FindLabelsFile(const ModelFiles& files);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_LABELS_FILE_H_
