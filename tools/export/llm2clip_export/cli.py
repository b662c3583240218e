"""llm2clip-export: the command line.

Exit codes: 0 done, 1 internal error, 2 usage, 5 checkpoint refused, 6 output cannot be written, 9 the Hub cannot be
reached, 130 and 143 after an orderly stop by a signal.
"""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from llm2clip_export import __version__
from llm2clip_export.errors import ExportError, UsageError
from llm2clip_export.hub.names import hub_name
from llm2clip_export.request import Request

PROGRAM = "llm2clip-export"
DESCRIPTION = "Turns a published LLM2CLIP checkpoint into a model directory for llm2clip."
EPILOG = """\
examples:
  llm2clip-export --vision microsoft/LLM2CLIP-Openai-L-14-336 \\
                  --text microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned \\
                  -o models/llm2clip-openai-l-14-336
  llm2clip-export --vision LLM2CLIP-EVA02-L-14-336 --text-from models/llm2clip-openai-l-14-336 \\
                  -o models/llm2clip-eva02-l-14-336

PATH is a downloaded repository of the Hub, or its one file with weights. Where nothing has that path, it is a name on
the Hub, ORGANIZATION/NAME[/FILE][@REVISION], of which the files that are needed are fetched into the Hub's cache
(HF_HOME), checked, and taken from there the next time. HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are heeded. These are
published:

  for --vision, with the adapter inside      files of microsoft/...
    LLM2CLIP-Openai-B-16                     config.json model.safetensors
    LLM2CLIP-Openai-L-14-224                 config.json and all *.safetensors*
    LLM2CLIP-Openai-L-14-336                 config.json model.safetensors
    LLM2CLIP-EVA02-B-16                      LLM2CLIP-EVA02-B-16.pt
    LLM2CLIP-EVA02-L-14-336                  LLM2CLIP-EVA02-L-14-336.pt
    LLM2CLIP-Llama3.2-1B-EVA02-L-14-336      LLM2CLIP-Llama3.2-1B-EVA02-L-14-336.pt
    LLM2CLIP-Llama3.2-1B-EVA02-L-14-224      its .pt file (the repository was empty when last seen)
    LLM2CLIP-Llama3.1-8B-siglip2-so400m-patch14-224
                                             its .pt or .safetensors file (never seen)
  for --text
    LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned      config.json tokenizer.json and all *.safetensors*
    LLM2CLIP-Llama-3.2-1B-Instruct-CC-Finetuned    config.json tokenizer.json model.safetensors

Models of Llama-3-8B take LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned, those named Llama3.2-1B take
LLM2CLIP-Llama-3.2-1B-Instruct-CC-Finetuned, and the siglip2 one takes meta-llama/Llama-3.1-8B-Instruct with
--lora for the LoRA adapter. docs/models.md has a command for each.
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see --help")


def parser() -> Parser:
    # The names of PROMPTS and PRECISIONS once more: their modules need torch, and --help should be quick.
    parser = Parser(
        prog=PROGRAM, description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    path: dict[str, Any] = {"type": Path, "metavar": "PATH"}
    parser.add_argument("--vision", **path, help="the vision tower, with its adapter")
    parser.add_argument("--text", **path, help="the text tower")
    parser.add_argument(
        "--lora", **path, action="append", default=[],
        help="a LoRA adapter (peft) to merge into the text tower; repeat for more",
    )
    parser.add_argument("--text-from", type=Path, metavar="DIR", help="share the text tower of this model directory, by link")
    parser.add_argument("--adapter", **path, help="take the adapter from here instead of --vision")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="model directory to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the model directory if there is another one")
    parser.add_argument("--vision-only", action="store_true", help="no adapter: the model embeds images and nothing else")
    parser.add_argument(
        "--text-only", action="store_true",
        help="no vision tower: the model embeds text, with the adapter of --vision if given",
    )
    parser.add_argument(
        "--precision", choices=["as-stored", "float32", "bfloat16", "float16"], default="as-stored",
        help="of the weights (default: as-stored)",
    )
    for part in ("text", "vision"):
        parser.add_argument(
            f"--{part}-precision", choices=["int8", "int4"], default="",
            help=f"round the matrices of the {part} tower to 8 or 4 bits where that costs least; --precision is of the rest",
        )
    parser.add_argument(
        "--size", type=share, metavar="SHARE",
        help="share of its bytes in bfloat16 that a tower of int8 or int4 may take (default: 0.6 for int8, 0.4 for int4)",
    )
    parser.add_argument(
        "--prompt", choices=["llama3", "llama2", "mistral", "gemma2", "qwen2", "phi3", "none"], default="",
        help="what is put around a caption (default: by the text model's name)",
    )
    parser.add_argument(
        "--doc-max-length", type=doc_max_length, metavar="N",
        help="shorten captions above N tokens by whole words, as llm2vec does (default: 400 for Llama-3.2-1B, whose card "
        "leaves it so, else never)",
    )
    parser.add_argument("--name", default="", help="of the model (default: by the vision model's name)")
    for what, metavar in (("repository", "NAME"), ("revision", "COMMIT")):
        parser.add_argument(
            f"--source-{what}", default=[], action="append", metavar=f"[PART=]{metavar}",
            help=f"the {what} a part was published as, for the record; PART is vision, text or adapter (default: by "
            "the download)",
        )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def doc_max_length(text: str) -> int:
    length = int(text)
    if not 1 <= length <= 512:
        raise ValueError
    return length


def share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 2:
        raise ValueError
    return value


def by_part(flag: str, values: list[str], given: list[str]) -> dict[str, str]:
    """["vision=a", "text=b"] -> {"vision": "a", "text": "b"}; a value alone is that of the one part that is given."""
    parts = {}
    for value in values:
        part, equals, rest = value.partition("=")
        if not equals:
            if len(given) != 1:
                raise UsageError(f"{flag}: expected PART=..., PART being {' or '.join(given)}, got {value!r}")
            part, rest = given[0], value
        if part not in ("vision", "text", "adapter"):
            raise UsageError(f"{flag}: expected vision, text or adapter before =, got {part!r}")
        parts[part] = rest
    return parts


def run(arguments: list[str], check_stop: Callable[[], None]) -> None:
    options = vars(parser().parse_args(arguments))
    given = [part for part in ("vision", "text", "adapter") if options[part]]
    for name in ("source_repository", "source_revision"):
        options[name] = by_part(f"--{name.replace('_', '-')}", options[name], given)
    quiet = options.pop("quiet")
    request = Request(**options)
    request.check()
    # torch and transformers take seconds to import.
    from transformers.utils import logging

    from llm2clip_export.export import export
    from llm2clip_export.progress import Progress

    logging.set_verbosity_error()  # it warns of config keys that have been published so
    progress = Progress(quiet, check_stop)
    if any(hub_name(path) for path in (request.vision, request.adapter, request.text, *request.lora) if path):
        from llm2clip_export.hub.fetch import fetched

        request = fetched(request, progress)
    export(request, progress)


class Stop:
    """Turns a signal into an exception, so that the partial directory goes away, and remembers which it was.

    While torch compiles it calls Python from C++, and what is raised there may come out as an error of its own, or not
    at all. So the exit code does not rest on the type of the exception, and the export asks again between its steps.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self)

    def __call__(self, number: int, frame: object) -> NoReturn:
        self.exit_code = 128 + number
        raise KeyboardInterrupt

    def check(self) -> None:
        if self.exit_code:
            raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    stop = Stop()
    try:
        run(sys.argv[1:] if arguments is None else arguments, stop.check)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return stop.exit_code or explain(error)


def explain(error: BaseException) -> int:
    """Prints what went wrong and returns the exit code for it."""
    if isinstance(error, ExportError):
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return error.exit_code
    traceback.print_exception(error)
    print(f"{PROGRAM}: internal error: {error!r}; please report this", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
