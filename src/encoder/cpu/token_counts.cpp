#include "encoder/cpu/token_counts.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "encoder/cpu/graph_nodes.h"

namespace llm2clip {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// Where the tokens are in a tensor that has something of each.
enum class Layout {
  ids,    // (B, T)
  rows,   // (B, T, ...)
  heads,  // (B, heads, T, d)
};

using Names = std::unordered_set<std::string_view>;

// Each token's row from that row alone: all but the last axis are alike to them.
const Names& row_by_row() {
  static const Names names = {
      "aten::add",
      "aten::gelu",
      "aten::linear",
      "aten::mul",
      "aten::silu",
      "aten::to",
      "llm2clip::add_layer_norm",
      "llm2clip::add_rms_norm",
      "llm2clip::layer_norm",
      "llm2clip::product",
      "llm2clip::quick_gelu",
      "llm2clip::rms_norm",
      "llm2clip::silu_mul",
      "llm2clip::silu_mul_layer_norm",
      "llm2clip::stored_product",
  };
  return names;
}

// What a table with a row for each position is made of: each row from its position alone.
const Names& of_positions() {
  static const Names names = {"aten::cos", "aten::outer",         "aten::sin",     "aten::tensor",
                              "aten::to",  "prim::ListConstruct", "prim::Constant"};
  return names;
}

// What a tensor is, and not what is in it.
const Names& of_shapes() {
  static const Names names = {"aten::size", "prim::device", "prim::dtype"};
  return names;
}

// Follows the tokens through a graph.
class Follower {
 public:
  explicit Follower(Graph& graph) { layouts_[graph.inputs().front()] = Layout::ids; }

  // False where it cannot be told what becomes of them.
  bool pass(Node* node) {
    const std::string_view name = node->kind().toQualString();
    if (!node->blocks().empty()) return false;
    if (of_shapes().contains(name)) return true;
    const auto inputs = node->inputs();
    const bool reads_tokens =
        std::any_of(inputs.begin(), inputs.end(), [&](Value* input) { return layout_of(input); });
    if (!reads_tokens) return is_positions(node, name) || of_positions().contains(name);
    const auto layout = layout_behind(node, name);
    if (!layout) return false;
    for (Value* output : node->outputs()) layouts_[output] = *layout;
    return true;
  }

  bool has_rows(const Value* value) const { return layout_of(value) == Layout::rows; }
  const std::vector<Node*>& attentions() const { return attentions_; }
  const std::vector<Node*>& positions() const { return positions_; }

 private:
  std::optional<Layout> layout_of(const Value* value) const {
    const auto found = layouts_.find(value);
    return found == layouts_.end() ? std::nullopt : std::optional(found->second);
  }
  bool has(const Node* node, std::size_t input, Layout layout) const {
    return layout_of(node->input(input)) == layout;
  }

  std::optional<Layout> layout_behind(Node* node, std::string_view name) {
    if (name == "aten::embedding" && has(node, 1, Layout::ids)) return Layout::rows;
    if (row_by_row().contains(name)) return common_layout(node);
    if (name == "aten::narrow" && is_constant(node->input(1), -1)) return common_layout(node);
    if (name == "aten::view" && splits_columns(node)) return Layout::rows;
    if (name == "aten::transpose" && has(node, 0, Layout::rows) && is_constant(node->input(1), 1) &&
        is_constant(node->input(2), 2)) {
      return Layout::heads;
    }
    const bool rotates = name == "llm2clip::rotate_halves" || name == "llm2clip::rotate_neighbors";
    if (rotates && has(node, 0, Layout::heads)) return Layout::heads;
    if (name == "llm2clip::attention" && has(node, 0, Layout::heads) &&
        has(node, 1, Layout::heads) && has(node, 2, Layout::heads)) {
      attentions_.push_back(node);
      return Layout::rows;
    }
    return std::nullopt;
  }

  // arange(ids.size(1))
  bool is_positions(Node* node, std::string_view name) {
    const bool counts = name == "aten::arange" && is_size(node->input(0), 1);
    if (counts) positions_.push_back(node);
    return counts;
  }

  bool is_size(const Value* value, std::int64_t axis) const {
    const Node* size = value->node();
    return size->kind() == symbol("aten::size") && layout_of(size->input(0)) &&
           layout_of(size->input(0)) != Layout::heads && is_constant(size->input(1), axis);
  }

  // Of all inputs that have tokens, beside constants.
  std::optional<Layout> common_layout(const Node* node) const {
    std::optional<Layout> common;
    for (const Value* input : node->inputs()) {
      const auto layout = layout_of(input);
      if (!layout && !constant(input)) return std::nullopt;
      if (layout == Layout::ids || (layout && common && layout != common)) return std::nullopt;
      if (layout) common = layout;
    }
    return common;
  }

  // x.view(x.size(0), x.size(1), heads, -1)
  bool splits_columns(const Node* node) const {
    if (!has(node, 0, Layout::rows)) return false;
    const auto sizes = node->input(1)->node()->inputs();
    return sizes.size() > 2 && is_size(sizes[0], 0) && is_size(sizes[1], 1);
  }

  std::unordered_map<const Value*, Layout> layouts_;
  std::vector<Node*> attentions_, positions_;
};

// With each text.
void begin_again(Graph& graph, Value* positions, Value* counts) {
  const torch::jit::WithInsertPoint behind(positions->node()->next());
  Node* node =
      graph.insertNode(graph.create(symbol("llm2clip::text_positions"), {positions, counts}));
  positions->replaceAllUsesAfterNodeWith(node, node->output());
}

}  // namespace

bool take_token_counts(Graph& graph) {
  if (graph.inputs().size() != 1 || graph.outputs().size() != 1) return false;
  Follower tokens(graph);
  for (Node* node : graph.nodes()) {
    if (!tokens.pass(node)) return false;
  }
  if (!tokens.has_rows(graph.outputs().front()) || tokens.attentions().empty()) return false;
  Value* counts = graph.addInput("token_counts");
  counts->setType(c10::OptionalType::ofTensor());
  for (Node* attention : tokens.attentions()) attention->replaceInput(4, counts);
  for (Node* positions : tokens.positions()) begin_again(graph, positions->output(), counts);
  return true;
}

}  // namespace llm2clip
