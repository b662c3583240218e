#pragma once

#include <filesystem>
#include <span>

#include "encoder/archive/archive_directory.h"

namespace llm2clip {

/// Note [A model is held to a list]: a TorchScript archive is a program. Before LibTorch sees it,
/// its code and its pickles are read here, as text and as opcodes, without running them: names that
/// are not on the list of allowed_operators.h, methods that run while a model loads
/// (`__setstate__`), imports, custom classes, loops without an end, records of unknown kinds. After
/// loading the graph itself is walked (graph_check.h), since only LibTorch knows what a name means
/// in the end.
///
/// Throws Error(bad_model) naming the record and what it would do.
void check_archive_code(std::span<const std::byte> archive, std::span<const ArchiveEntry> entries,
                        const std::filesystem::path& path);

}  // namespace llm2clip
