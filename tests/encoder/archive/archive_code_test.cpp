#include "encoder/archive/archive_code.h"

#include <string>

#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;

void check(const std::string& name, const std::string& content) {
  const ArchiveEntry entry = {name, 0, content.size(), content.size(), false, 0};
  check_archive_code(std::as_bytes(std::span(content)), std::span(&entry, 1), "x.pt");
}

std::string refusal(const std::string& content) {
  const Error error = error_of([&] { check("code/__torch__.py", content); });
  CHECK(error.kind() == ErrorKind::bad_model);
  const std::string words = error.what();
  return words.substr(0, words.find(", which no model"));
}

TEST_CASE("code of models is let through", "[archive_code]") {
  CHECK_NOTHROW(check("code/__torch__.py", R"(class Tower(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  layers : __torch__.torch.nn.modules.container.ModuleList
  def forward(self: __torch__.Tower,
    x: Tensor) -> Tensor:
    _0 = __torch__.torch.nn.functional.normalize
    layers = self.layers
    _1 = getattr(layers, "0")
    if torch.gt(torch.size(x, 0), 1):
      y = _0(torch.to(x, ops.prim.dtype(self.weight)), 2., -1, 9.9999999999999998e-13, None, )
    else:
      y = (_1).forward((self).embed(x, ), )
    return torch.linear(y, self.weight)
  def embed(self: __torch__.Tower,
    x: Tensor) -> Tensor:
    return torch.neg(x)
  def __len__(self: __torch__.Tower) -> int:
    return 24
)"));
}

TEST_CASE("code that does more is refused by its name", "[archive_code]") {
  CHECK(refusal("x = torch.save(y, \"f\")") ==
        "x.pt: code/__torch__.py uses the operator torch.save");
  CHECK(refusal("x = ops.aten.from_file(\"f\")") ==
        "x.pt: code/__torch__.py uses the operator ops.aten.from_file");
  CHECK(refusal("x = torch._C._nn.gelu(y)") ==
        "x.pt: code/__torch__.py uses the operator torch._C._nn.gelu");
  CHECK(refusal("x = (y).bernoulli_()") == "x.pt: code/__torch__.py calls the method bernoulli_");
  CHECK(refusal("x = eval(\"1\")") == "x.pt: code/__torch__.py calls eval");
  CHECK(refusal("def __setstate__(self):") == "x.pt: code/__torch__.py defines __setstate__");
  CHECK(refusal("while True:") == "x.pt: code/__torch__.py has the word while");
  CHECK(refusal("import os") == "x.pt: code/__torch__.py has the word import");
  CHECK(refusal("class A(NamedTuple):") ==
        "x.pt: code/__torch__.py defines a class that is no module");
  CHECK(refusal("x : __torch__.torch.classes.a.B") ==
        "x.pt: code/__torch__.py uses the custom class __torch__.torch.classes.a.B");
  CHECK(refusal("x = `y`") == "x.pt: code/__torch__.py has the character '`'");
  CHECK(refusal("x = \"y\n\"") == "x.pt: code/__torch__.py has a string without an end");
}

// Found by tests/fuzz/archive.cpp: the name after "def" was skipped without being there.
TEST_CASE("code may end anywhere", "[archive_code]") {
  const std::string code =
      "class A(Module):\n  def forward(self) -> Tensor:\n    return torch.neg(x)";
  for (std::size_t size = 0; size <= code.size(); ++size) {
    try {
      check("code/__torch__.py", code.substr(0, size));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::bad_model);
    }
  }
  CHECK_NOTHROW(check("code/__torch__.py", "def"));
}

TEST_CASE("records of unknown kinds are refused", "[archive_code]") {
  for (const char* name : {"extra/x", "data/x", "data/", "code/x.so", "x", "bytecode.pkl"}) {
    INFO(name);
    CHECK(error_of([&] { check(name, ""); }).kind() == ErrorKind::bad_model);
  }
  for (const char* name : {"data/0", "constants/12", "version", "byteorder"}) {
    CHECK_NOTHROW(check(name, ""));
  }
}

}  // namespace
}  // namespace llm2clip
