"""config.json of a published repository, and other JSON files like it."""

import json
from pathlib import Path
from typing import Any

from llm2clip_export.checkpoints.published_file import published_file
from llm2clip_export.errors import CheckpointError


class Config:
    """One JSON object of a config.json. Errors name the file and the full name of the key."""

    def __init__(self, path: Path, values: dict[str, Any], prefix: str = ""):
        self.path = path
        self.values = values
        self.prefix = prefix

    @classmethod
    def read(cls, directory: Path, name: str = "config.json") -> "Config":
        path = published_file(directory, name)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckpointError(f"{path}: is not JSON: {error}; download it again") from error
        if not isinstance(values, dict):
            raise CheckpointError(f"{path}: expected a JSON object, got {type(values).__name__}")
        return cls(path, values)

    def section(self, key: str) -> "Config":
        """The object under `key`; empty when it is absent."""
        values = self.values.get(key) or {}
        if not isinstance(values, dict):
            raise self.error(key, f"expected an object, got {values!r}")
        return Config(self.path, values, f"{self.prefix}{key}.")

    def integer(self, key: str, default: int | None = None) -> int:
        """A positive integer. `default` None: the key is required."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.error(key, f"expected a positive integer, got {'nothing' if value is None else repr(value)}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number above 0. `default` None: the key is required."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            raise self.error(key, f"expected a number above 0, got {'nothing' if value is None else repr(value)}")
        return float(value)

    def choice(self, key: str, allowed: list[str], default: str) -> str:
        value = self.values.get(key)
        if value is None:
            return default
        if value not in allowed:
            raise self.error(key, f"expected {' or '.join(allowed)}, got {value!r}")
        return value

    def agree(self, key: str, value: int, tensor: str) -> None:
        """Where the config says what the tensors show as well, both must say the same."""
        if self.values.get(key) is not None and self.integer(key) != value:
            raise self.error(key, f"is {self.values[key]}, but {tensor} says {value}; are both of the same model?")

    def error(self, key: str, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path}: {self.prefix}{key}: {what}")

    @property
    def repository(self) -> str:
        """The repository this was published as, as far as the directory tells.

        Authors leave paths of their machines in `_name_or_path`; the directory's name is the better guess then.
        """
        name = self.values.get("_name_or_path")
        if isinstance(name, str) and name and not name.startswith((".", "/")):
            return name
        return self.path.parent.resolve().name
