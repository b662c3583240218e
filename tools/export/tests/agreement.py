"""How near two results are: the measures and bars of docs/numerics.md."""

from torch import Tensor
from torch.nn import functional as F

FLOAT32_ERROR = 1e-4
FLOAT32_COSINE = 0.999999
BFLOAT16_COSINE = 0.999


def relative_error(ours: Tensor, reference: Tensor) -> float:
    """The largest difference, over the largest value of the reference."""
    return ((ours.double() - reference.double()).abs().max() / reference.double().abs().max()).item()


def smallest_cosine(ours: Tensor, reference: Tensor) -> float:
    return F.cosine_similarity(ours.double(), reference.double(), dim=-1).min().item()


def assert_equal_in_float32(ours: Tensor, reference: Tensor) -> None:
    assert ours.shape == reference.shape
    error, cosine = relative_error(ours, reference), smallest_cosine(ours, reference)
    print(f"relative error {error:.1e}, cosine {cosine:.8f}")
    assert error <= FLOAT32_ERROR
    assert cosine >= FLOAT32_COSINE


def assert_near_in_bfloat16(ours: Tensor, reference: Tensor) -> None:
    assert ours.shape == reference.shape
    cosine = smallest_cosine(ours, reference)
    print(f"bfloat16: cosine {cosine:.6f}")
    assert cosine >= BFLOAT16_COSINE
