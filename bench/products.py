"""The matrix products of a tower, for `ceiling_bench products`: what no optimizing of its graph can leave out."""

from pathlib import Path

# K, N, and the rows of every batch.
Product = tuple[int, int, list[int]]


def vision_products(family: str, geometry: dict[str, int], batch: int) -> list[Product]:
    """q, k and v are one product of the same rows; so are gate and up."""
    width, patch = geometry["width"], geometry["patch_size"]
    patches = (geometry["image_size"] // patch) ** 2
    rows = [batch * (patches + 1)]
    products = [(3 * patch**2, width, [batch * patches])]
    for _ in range(geometry["layers"]):
        products += [(width, 3 * width, rows), (width, width, rows)]
        products += mlp(width, int(2.6667 * width), rows) if family == "eva02" else plain_mlp(width, rows)
    return [*products, (width, geometry["embedding_dim"], [batch])]


def plain_mlp(width: int, rows: list[int]) -> list[Product]:
    return [(width, 4 * width, rows), (4 * width, width, rows)]


def mlp(width: int, hidden: int, rows: list[int]) -> list[Product]:
    return [(width, 2 * hidden, rows), (hidden, width, rows)]


def text_products(geometry: dict[str, int], embedding_dim: int, batches: list[list[int]]) -> list[Product]:
    """`batches`: (texts, tokens) each. With the adapter of four blocks."""
    width, head_dim = geometry["width"], geometry["head_dim"]
    heads = geometry["heads"] + 2 * geometry["kv_heads"]
    tokens = [texts * count for texts, count in batches]
    texts = [texts for texts, _ in batches]
    products: list[Product] = []
    for _ in range(geometry["layers"]):
        products += [(width, heads * head_dim, tokens), (geometry["heads"] * head_dim, width, tokens)]
        products += mlp(width, geometry["mlp_width"], tokens)
    for _ in range(4):
        products += [(width, 2 * width, texts), (2 * width, width, texts)]
    return [*products, (width, embedding_dim, texts)]


def weight_bytes(products: list[Product], bytes_each: int) -> int:
    return sum(inputs * outputs * bytes_each for inputs, outputs, _ in products)


def write_products(products: list[Product], path: Path) -> Path:
    path.write_text("".join(f"{k} {n} {' '.join(map(str, rows))}\n" for k, n, rows in products))
    return path
