#pragma once

#include "llm2clip/classifier.h"
#include "llm2clip/embed.h"
#include "llm2clip/embeddings.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/error.h"
#include "llm2clip/evaluate.h"
#include "llm2clip/export.h"
#include "llm2clip/film.h"
#include "llm2clip/from_string.h"
#include "llm2clip/image.h"
#include "llm2clip/index.h"
#include "llm2clip/inputs.h"
#include "llm2clip/log.h"
#include "llm2clip/memory.h"
#include "llm2clip/model.h"
#include "llm2clip/preprocess.h"
#include "llm2clip/run.h"
#include "llm2clip/run_state.h"
#include "llm2clip/similarity.h"
#include "llm2clip/threads.h"
#include "llm2clip/thumbnail.h"
#include "llm2clip/tokenizer.h"
#include "llm2clip/verify.h"
#include "llm2clip/version.h"

/// The whole library. What goes wrong is thrown as Error; nothing here prints, ends the process or
/// changes a setting of it. Functions may be called from several threads.
namespace llm2clip {}
