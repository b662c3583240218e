#pragma once

#include "commands/commands.h"
#include "llm2clip/index.h"

namespace llm2clip::cli {

/// What an index says of its rows: of a job's provenance, all that makes one row mean something
/// else than another.
std::vector<std::pair<std::string, std::string>> index_provenance(
    const std::vector<std::pair<std::string, std::string>>& provenance);

/// An index that is there, with the kind and scan of the flags.
IndexOptions manner_options(const IndexFlags& flags);

IndexOptions index_options(const IndexFlags& flags, std::size_t dim,
                           const std::vector<std::pair<std::string, std::string>>& provenance);

/// `llm2clip index --from`: the rows of files, with their ids.
IndexSummary index_rows(const IndexFlags& flags);

}  // namespace llm2clip::cli
