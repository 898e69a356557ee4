#ifndef ACCELERD_MODEL_UNSERVED_FILES_H_
#define ACCELERD_MODEL_UNSERVED_FILES_H_

#include <string>
#include <vector>

#include "model/model_files.h"

namespace accelerd {

/// Looks through `directory` for what looks like a model and is not among `models`, which DiscoverModels found there.
/// Returns one sentence for each, with what to do about it; of several such files in one folder, one for the folder.
/// Bounded: 4 levels of folders, 20,000 entries, 50 sentences.
std::vector<std::string> UnservedFiles(const std::string& directory, const std::vector<FoundModel>& models);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_UNSERVED_FILES_H_
