#include "encoder/cpu/towers.h"

#include <ATen/ops/randint.h>

#include <cmath>
#include <utility>
#include <vector>

namespace llm2clip::testing {

torch::jit::Module define_module(
    const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes,
    at::ScalarType type, const std::string& forward) {
  torch::jit::Module module("Tower");
  torch::manual_seed(0);
  for (const auto& [name, shape] : shapes) {
    const double scale = shape.size() > 1 ? 1 / std::sqrt(static_cast<double>(shape.back())) : 1;
    module.register_parameter(name, (torch::randn(shape) * scale).to(type), /*is_buffer=*/false);
  }
  module.register_attribute("count", c10::IntType::get(), 0);
  module.define(forward);
  module.eval();
  return module;
}

torch::jit::Module openai_tower(at::ScalarType type) {
  return define_module({{"patch", {kWidth, 3, 4, 4}},
                        {"positions", {9, kWidth}},
                        {"start", {kWidth}},
                        {"q", {kWidth, kWidth}},
                        {"k", {kWidth, kWidth}},
                        {"v", {kWidth, kWidth}},
                        {"qb", {kWidth}},
                        {"kb", {kWidth}},
                        {"vb", {kWidth}},
                        {"out", {kWidth, kWidth}},
                        {"fc1", {kMlp, kWidth}},
                        {"fc1b", {kMlp}},
                        {"fc2", {kWidth, kMlp}},
                        {"w", {kWidth}},
                        {"b", {kWidth}},
                        {"projection", {24, kWidth}}},
                       type, R"(
def heads(self, x):
    return x.view(x.size(0), x.size(1), 2, -1).transpose(1, 2)
def forward(self, pixels):
    patches = torch.conv2d(pixels.to(self.start.dtype), self.patch, None, [4, 4], [0, 0], [1, 1], 1).flatten(2).transpose(1, 2)
    x = torch.cat([self.start.expand(pixels.size(0), 1, -1), patches[:, 1:]], dim=1) + self.positions
    y = torch.layer_norm(x, [64], self.w, self.b, 1e-5)
    q = self.heads(torch.linear(y, self.q, self.qb))
    k = self.heads(torch.linear(y, self.k, self.kb))
    v = self.heads(torch.linear(y, self.v, self.vb))
    context = torch.scaled_dot_product_attention(q, k, v, None, 0.0, False)
    x = x + torch.linear(context.transpose(1, 2).flatten(2), self.out, None)
    y = torch.linear(torch.layer_norm(x, [64], self.w, self.b, 1e-5), self.fc1, self.fc1b)
    x = x + torch.linear(y * torch.sigmoid(1.702 * y), self.fc2, None)
    return torch.linear(torch.layer_norm(x[:, 0], [64], self.w, self.b, 1e-5), self.projection, None)
)");
}

torch::jit::Module siglip_tower(at::ScalarType type) {
  return define_module({{"embed", {50, kWidth}},
                        {"qkv", {3 * kWidth, kWidth}},
                        {"qkvb", {3 * kWidth}},
                        {"out", {kWidth, kWidth}},
                        {"fc1", {kMlp, kWidth}},
                        {"fc2", {kWidth, kMlp}},
                        {"w", {kWidth}},
                        {"b", {kWidth}}},
                       type, R"(
def heads(self, x):
    return x.view(x.size(0), x.size(1), 2, -1).transpose(1, 2)
def forward(self, ids):
    x = torch.embedding(self.embed, ids)
    q, k, v = torch.linear(torch.layer_norm(x, [64], self.w, self.b, 1e-6), self.qkv, self.qkvb).chunk(3, dim=-1)
    context = torch.scaled_dot_product_attention(self.heads(q), self.heads(k), self.heads(v), None, 0.0, False)
    x = x + torch.linear(context.transpose(1, 2).flatten(2), self.out, None)
    y = torch.gelu(torch.linear(torch.layer_norm(x, [64], self.w, self.b, 1e-6), self.fc1, None))
    return x + torch.linear(y, self.fc2, None)
)");
}

torch::jit::Module llama_tower(at::ScalarType type) { return llama_tower_of(type, llama_source()); }

std::string llama_source() {
  return R"(
def norm(self, x):
    wide = x.to(6)
    wide = wide * torch.rsqrt(wide.square().mean([-1], True) + 1e-5)
    return self.w * wide.to(x.dtype)
def heads(self, x):
    return x.view(x.size(0), x.size(1), -1, 32).transpose(1, 2)
def rotate(self, x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
def share(self, x):
    return x.unsqueeze(2).expand(-1, -1, 2, -1, -1).flatten(1, 2)
def forward(self, ids):
    x = torch.embedding(self.embed, ids)
    angles = torch.outer(torch.arange(ids.size(1), dtype=6), torch.arange(16, dtype=6) / 16)
    cos = angles.cos().to(x.dtype)
    sin = angles.sin().to(x.dtype)
    y = self.norm(x)
    q = self.rotate(self.heads(torch.linear(y, self.q, None)), cos, sin)
    k = self.rotate(self.heads(torch.linear(y, self.k, None)), cos, sin)
    v = self.heads(torch.linear(y, self.v, None))
    context = torch.scaled_dot_product_attention(q, self.share(k), self.share(v), None, 0.0, False)
    x = x + torch.linear(context.transpose(1, 2).flatten(2), self.out, None)
    y = self.norm(x)
    x = x + torch.linear(torch.silu(torch.linear(y, self.gate, None)) * torch.linear(y, self.up, None), self.down, None)
    return self.norm(x)
)";
}

torch::jit::Module llama_tower_of(at::ScalarType type, const std::string& source) {
  return define_module({{"embed", {50, kWidth}},
                        {"q", {kWidth, kWidth}},
                        {"k", {kWidth / kHeads, kWidth}},
                        {"v", {kWidth / kHeads, kWidth}},
                        {"out", {kWidth, kWidth}},
                        {"gate", {kMlp, kWidth}},
                        {"up", {kMlp, kWidth}},
                        {"down", {kWidth, kMlp}},
                        {"w", {kWidth}}},
                       type, source);
}

torch::jit::Module quantized_tower(at::ScalarType type, const std::string& flat) {
  torch::jit::Module module("Tower");
  torch::manual_seed(0);
  module.register_parameter("norm", torch::ones({kWidth}, type), /*is_buffer=*/false);
  const auto scales = [](at::IntArrayRef sizes) {
    return (torch::rand(sizes) * 0.002 + 0.001).to(at::kBFloat16);
  };
  const auto bytes = [](at::IntArrayRef sizes) { return at::randint(-127, 128, sizes, at::kChar); };
  module.register_buffer("table", bytes({50, kWidth}));
  module.register_buffer("table_scale", scales({50, 1}) * 10);
  module.register_buffer("w8", bytes({kMlp, kWidth}));
  module.register_buffer("s8", scales({kMlp, 2, 1}));
  module.register_buffer("w4", at::randint(0, 256, {kWidth, kMlp / 2}, at::kByte));
  module.register_buffer("s4", scales({kWidth, 3, 1}) * 10);
  module.register_buffer("m4", scales({kWidth, 3, 1}) * -80);
  module.define(R"(
def forward(self, ids):
    x = (torch.embedding(self.table, ids).to(6) * torch.embedding(self.table_scale, ids)).to(self.norm.dtype) * self.norm
    y = torch.gelu(torch.linear(x, (self.w8.view([96, 2, 32]).to(6) * self.s8).view()" +
                flat + R"().to(x.dtype), None))
    halves = torch.stack([torch.bitwise_and(self.w4, 15), torch.bitwise_right_shift(self.w4, 4)], -1)
    return torch.linear(y, (halves.view([64, 3, 32]).to(6) * self.s4 + self.m4).view([64, 96]).to(y.dtype), None)
)");
  module.eval();
  return module;
}

torch::jit::Module unknown_tower(at::ScalarType type) {
  return define_module({{"embed", {50, kWidth}}}, type, R"(
def forward(self, ids):
    x = torch.embedding(self.embed, ids)
    return torch.tanh(torch.linear(x, self.embed * 2, None))
)");
}

}  // namespace llm2clip::testing
