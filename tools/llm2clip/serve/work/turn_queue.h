#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

namespace llm2clip::serve {

/// Inputs of many clients that wait for a network. Clients take turns: whoever has sent two
/// thousand texts does not keep another one's single text waiting for all of them.
///
/// Each client in turn gives one input to a batch, that which has waited longest, until the next
/// one of none would fit. Texts of all lengths are together: the model puts those of about equal
/// length into one pass. One thread at a time may use it.
template <typename Input>
class TurnQueue {
 public:
  /// `length` is what the input takes of a batch's budget.
  void add(std::uint64_t client, std::size_t length, Input input) {
    const auto [found, fresh] = clients_.try_emplace(client);
    if (fresh) turns_.push_back(client);
    found->second.push_back({length, std::move(input)});
    ++size_;
  }

  std::size_t size() const { return size_; }

  /// The next batch: inputs that are together `budget` long at the most, but one at least where
  /// there are any.
  std::vector<Input> take(std::size_t budget) {
    std::vector<Input> batch;
    std::vector<std::uint64_t> giving(turns_.begin(), turns_.end());
    while (!giving.empty()) {
      std::erase_if(giving, [&](std::uint64_t client) {
        Line& line = clients_.at(client);
        const std::size_t length = line.empty() ? 0 : line.front().length;
        const bool gives = !line.empty() && (batch.empty() || length <= budget);
        if (!gives) return true;
        batch.push_back(std::move(line.front().input));
        line.pop_front();
        budget -= std::min(budget, length);
        return false;
      });
    }
    size_ -= batch.size();
    pass_turn();
    return batch;
  }

 private:
  struct Place {
    std::size_t length;
    Input input;
  };
  using Line = std::deque<Place>;

  void pass_turn() {
    if (turns_.empty()) return;
    std::rotate(turns_.begin(), turns_.begin() + 1, turns_.end());
    std::erase_if(turns_, [&](std::uint64_t client) {
      return clients_.at(client).empty() && clients_.erase(client) > 0;
    });
  }

  std::unordered_map<std::uint64_t, Line> clients_;  // those that have inputs here
  std::deque<std::uint64_t> turns_;                  // the same; the first one's turn is next
  std::size_t size_ = 0;
};

}  // namespace llm2clip::serve
