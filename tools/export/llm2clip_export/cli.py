"""llm2clip-export: the command line.

Exit codes: 0 done, 1 internal error, 2 usage, 5 checkpoint refused, 6 output cannot be written, 130 and 143 after an
orderly stop by a signal.
"""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from llm2clip_export import __version__
from llm2clip_export.errors import ExportError, UsageError

PROGRAM = "llm2clip-export"
DESCRIPTION = "Turns a published LLM2CLIP checkpoint into a model directory for llm2clip."
EPILOG = """\
example:
  llm2clip-export --vision LLM2CLIP-Openai-L-14-336 \\
                  --text LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned \\
                  -o models/llm2clip-openai-l-14-336

DIR is a downloaded repository: config.json, *.safetensors and, for text, tokenizer.json.
With --vision alone the model directory embeds images, with --text alone it embeds captions without adapter.
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
    parser.add_argument("--vision", type=Path, metavar="DIR", help="repository of the vision tower and the adapter")
    parser.add_argument("--text", type=Path, metavar="DIR", help="repository of the text tower")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="model directory to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the model directory if there is one")
    parser.add_argument(
        "--precision", choices=["as-stored", "float32", "bfloat16", "float16"], default="as-stored",
        help="of the weights (default: as-stored)",
    )
    parser.add_argument(
        "--prompt", choices=["llama3", "llama2", "mistral", "gemma2", "qwen2", "phi3", "none"], default="",
        help="what is put around a caption (default: by the text model's name)",
    )
    parser.add_argument("--name", default="", help="of the model (default: by the vision model's name)")
    for part in ("vision", "text"):
        parser.add_argument(
            f"--{part}-repository", default="", metavar="NAME",
            help=f"where {part} was published (default: by config.json or the directory's name)",
        )
        parser.add_argument(f"--{part}-revision", default="", metavar="COMMIT", help=f"of {part}, for the record")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def run(arguments: list[str], check_stop: Callable[[], None]) -> None:
    options = vars(parser().parse_args(arguments))
    if not options["vision"] and not options["text"]:
        raise UsageError("--vision, --text: expected at least one of them; see --help")
    # torch and transformers take seconds to import.
    from transformers.utils import logging

    from llm2clip_export.export import Request, export
    from llm2clip_export.progress import Progress

    logging.set_verbosity_error()  # it warns of config keys that have been published so
    quiet = options.pop("quiet")
    export(Request(**options), Progress(quiet, check_stop))


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
