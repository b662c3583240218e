"""What the tests of the command line share beside fixtures."""

import dataclasses
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()


def assert_refused(result, code, *words):
    """One line on standard error that holds `words`, nothing on standard output, and the exit code."""
    assert result.code == code, result.err
    assert result.out == ""
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("llm2clip: ")
    for word in words:
        assert word in result.err
