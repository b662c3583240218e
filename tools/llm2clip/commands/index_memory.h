#pragma once

#include <memory>
#include <string>
#include <utility>

#include "inputs/containers.h"
#include "llm2clip/index.h"

namespace llm2clip::cli {

/// The containers that an index remembers, once its writer is there.
class IndexMemory final : public ContainerMemory {
 public:
  void use(std::shared_ptr<IndexWriter> writer) { writer_ = std::move(writer); }

  bool knows(const std::string& name, const FileState& state) override {
    return writer_ && writer_->take_container(name, state.identity, state.stamp);
  }
  void ended(const std::string& name, const FileState& state, std::uint64_t inputs) override {
    if (writer_) writer_->end_container(name, state.identity, state.stamp, inputs);
  }

 private:
  std::shared_ptr<IndexWriter> writer_;
};

}  // namespace llm2clip::cli
