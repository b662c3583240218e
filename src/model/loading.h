#pragma once

#include <memory>

#include "model/model_impl.h"

namespace llm2clip {

/// What Model::load makes of a model's files: the parts that `options` ask for, each in its
/// precision, after memory was planned and every file was checked. Throws as Model::load does, and
/// what LibTorch and the file system throw.
std::shared_ptr<ModelStages::Impl> load_stages(const ModelFiles& files, const LoadOptions& options);

}  // namespace llm2clip
