"""The adapter that brings caption embeddings into the space of the images.

Letters: B batch, H width of the text tower, D embedding size.
Reference: LLM2CLIP eva_clip/model.py, TextProj and LinearBlock.
"""

from torch import Tensor, nn
from torch.nn import functional as F

# nn.LayerNorm's default, which the reference leaves alone.
EPS = 1e-5


class ResidualBlock(nn.Module):
    """A two-layer perceptron with exact GELU beside the identity: (B, H) -> (B, H)."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, EPS)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fc2(F.gelu(self.fc1(self.norm(x))))


class Adapter(nn.Module):
    """Caption embedding (B, H) -> text embedding (B, D), not normalized, in the precision of the weights.

    Note [Adapter normalizes first]: the L2 norm of the input is taken in float32 whatever the weights are, because
    captions arrive in float32. The SigLIP2 variant takes captions as they are (eva_clip/llm_model.py, l2_norm=False).
    """

    def __init__(self, *, width: int, hidden: int, blocks: int, embedding_dim: int, normalize: bool):
        super().__init__()
        self.normalize = normalize
        self.blocks = nn.ModuleList([ResidualBlock(width, hidden) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width, EPS)
        self.projection = nn.Linear(width, embedding_dim)

    def forward(self, captions: Tensor) -> Tensor:
        x = captions.float()
        if self.normalize:
            x = F.normalize(x, dim=-1)
        x = x.to(self.projection.weight.dtype)
        for block in self.blocks:
            x = block(x)
        return self.projection(self.norm(x))
