#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace llm2clip::serve {

/// Inputs of many clients that wait for a network. Clients take turns: whoever has sent two
/// thousand texts does not keep another one's single text waiting for all of them.
///
/// A batch is of one length, that of the input which has waited longest among those of the client
/// whose turn it is; then each client in turn gives one more of that length until the batch is
/// full. Images are all of one length. One thread at a time may use it.
template <typename Input>
class TurnQueue {
 public:
  void add(std::uint64_t client, std::size_t length, Input input) {
    const auto [found, fresh] = clients_.try_emplace(client);
    if (fresh) turns_.push_back(client);
    found->second[length].push_back({next_place_++, std::move(input)});
    ++size_;
  }

  std::size_t size() const { return size_; }

  /// The next batch: inputs of one length, together `budget` long at the most, but one at least
  /// where there are any.
  std::vector<Input> take(std::size_t budget) {
    std::vector<Input> batch;
    if (turns_.empty()) return batch;
    const std::size_t length = oldest_length(clients_.at(turns_.front()));
    const std::size_t most = std::max<std::size_t>(budget / std::max<std::size_t>(length, 1), 1);
    take_in_turns(having(length), most, batch);
    size_ -= batch.size();
    pass_turn(length);
    return batch;
  }

 private:
  struct Place {
    std::uint64_t number;
    Input input;
  };
  using Line = std::deque<Place>;
  using Client = std::map<std::size_t, Line>;  // by length; no line is empty

  static std::size_t oldest_length(const Client& client) {
    const auto oldest = std::min_element(client.begin(), client.end(), [](auto& a, auto& b) {
      return a.second.front().number < b.second.front().number;
    });
    return oldest->first;
  }

  // The lines of that length, in the order of turns.
  std::vector<Line*> having(std::size_t length) {
    std::vector<Line*> lines;
    for (const std::uint64_t id : turns_) {
      Client& client = clients_.at(id);
      if (const auto line = client.find(length); line != client.end()) {
        lines.push_back(&line->second);
      }
    }
    return lines;
  }

  static void take_in_turns(std::vector<Line*> lines, std::size_t most, std::vector<Input>& batch) {
    while (!lines.empty() && batch.size() < most) {
      for (Line* line : lines) {
        if (batch.size() == most) break;
        batch.push_back(std::move(line->front().input));
        line->pop_front();
      }
      std::erase_if(lines, [](const Line* line) { return line->empty(); });
    }
  }

  void pass_turn(std::size_t length) {
    std::rotate(turns_.begin(), turns_.begin() + 1, turns_.end());
    std::erase_if(turns_, [&](std::uint64_t id) {
      Client& client = clients_.at(id);
      if (const auto line = client.find(length); line != client.end() && line->second.empty()) {
        client.erase(line);
      }
      return client.empty() && clients_.erase(id) > 0;
    });
  }

  std::unordered_map<std::uint64_t, Client> clients_;  // those that have inputs here
  std::deque<std::uint64_t> turns_;                    // the same; the first one's turn is next
  std::uint64_t next_place_ = 0;
  std::size_t size_ = 0;
};

}  // namespace llm2clip::serve
