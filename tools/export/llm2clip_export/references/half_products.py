"""Products of half-precision matrices, as the processors compute them that have instructions for it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
PRODUCTS = {F.linear, F.conv2d, torch.conv2d, torch.matmul, Tensor.matmul, Tensor.__matmul__}


class HalfProducts(TorchFunctionMode):
    """Sums the products of half-precision tensors in float32 and rounds each sum once.

    So do GPUs and oneDNN. PyTorch does it everywhere, but a hundred times slower on a processor without such
    instructions, and in another order; goldens should not depend on the machine that exports.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function not in PRODUCTS or args[0].dtype not in HALVES.values():
            return function(*args, **kwargs)
        named = {name: widened(value) for name, value in kwargs.items()}
        return function(*map(widened, args), **named).to(args[0].dtype)


def widened(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value
