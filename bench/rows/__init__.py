"""How each row of bars.py is measured: by name, in the order of docs/performance.md."""

from results import Prepare
from rows import (
    engines,
    folders,
    loading,
    memory,
    pictures,
    python_package,
    serving,
    start_up,
    texts,
    tokenizer,
    vision,
)

ROWS: dict[str, Prepare] = {
    **vision.ROWS, **texts.ROWS, **engines.ROWS, **folders.ROWS, **pictures.ROWS, **tokenizer.ROWS, **loading.ROWS, **memory.ROWS,
    **serving.ROWS, **start_up.ROWS, **python_package.ROWS,
}  # fmt: skip
