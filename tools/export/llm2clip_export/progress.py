"""How far it is, on standard error; silent when that is no terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator

from tqdm import tqdm


class Progress:
    """Every step is also a place to stop: `check` raises when the user has asked for it."""

    def __init__(self, quiet: bool, check: Callable[[], None] = lambda: None):
        self.check = check
        self._off = quiet or not sys.stderr.isatty()
        self._quiet = quiet

    @property
    def shows_bars(self) -> bool:
        return not self._off

    def say(self, message: str) -> None:
        """A line that is worth having in a log as well."""
        self.check()
        if not self._quiet:
            print(f"llm2clip-export: {message}", file=sys.stderr)

    def steps(self, what: str, steps: Iterable[int]) -> Iterator[int]:
        for step in tqdm(steps, desc=what, file=sys.stderr, disable=self._off, leave=False):
            self.check()
            yield step

    def byte_bar(self, what: str, total: int) -> tqdm:
        return tqdm(
            desc=what, total=total, unit="B", unit_scale=True, file=sys.stderr, disable=self._off, leave=False
        )
