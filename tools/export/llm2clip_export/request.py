"""What the command line asks for. Without torch, whose import takes seconds: mistakes are named at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm2clip_export.errors import UsageError


@dataclass(frozen=True)
class Request:
    """Empty names are filled in from the checkpoints."""

    output: Path
    vision: Path | None = None
    adapter: Path | None = None
    text: Path | None = None
    lora: Sequence[Path] = ()
    text_from: Path | None = None
    vision_only: bool = False
    text_only: bool = False
    name: str = ""
    # By part: vision, adapter, text.
    source_repository: dict[str, str] = field(default_factory=dict)
    source_revision: dict[str, str] = field(default_factory=dict)
    precision: str = "as-stored"
    # int8 or int4 for the matrices of a tower; empty: as `precision` says.
    text_precision: str = ""
    vision_precision: str = ""
    size: float | None = None
    prompt: str = ""
    doc_max_length: int | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Refuses what makes no sense together."""
        if not self.vision and not self.text and not self.text_from:
            raise UsageError("--vision, --text, --text-from: expected at least one of them; see --help")
        if self.text and self.text_from:
            raise UsageError("--text-from: shares a text tower that is exported already; give it or --text")
        if self.lora and not self.text:
            raise UsageError("--lora: is merged into the text tower; give --text as well")
        for part in ("text", "vision"):
            if getattr(self, f"{part}_precision") and not getattr(self, part):
                raise UsageError(f"--{part}-precision: is of the {part} tower; give --{part} as well")
        if self.text_only and self.vision_precision:
            raise UsageError("--vision-precision: --text-only leaves the vision tower out")
        if self.size is not None and not self.text_precision and not self.vision_precision:
            raise UsageError("--size: is of a tower in int8 or int4; give --text-precision or --vision-precision")
        if self.vision_only and (self.text_only or not self.vision or self.text or self.text_from or self.adapter):
            raise UsageError("--vision-only: exports the vision tower alone; give --vision and no other part")
        if self.text_only and not self.text and not self.text_from:
            raise UsageError("--text-only: leaves out the vision tower; give --text or --text-from")
