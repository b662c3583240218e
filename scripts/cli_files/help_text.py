"""What --help prints, as data. The parser of the program is the one source of flags and their words."""

import dataclasses
import re
import subprocess

PROGRAM = "llm2clip"
# "  -m,--model DIR       Model directory"; the words may stand on the next line.
FLAG = re.compile(r"  (?P<names>-[\w,-]+)(?: (?P<value>\S+(?: \S+)*))?(?:\s{2,}(?P<words>.*))?$")
ENTRY = re.compile(r"  (?P<name>[a-z][\w-]*)(?: (?P<value>\S+))?\s{2,}(?P<words>.*)$")


@dataclasses.dataclass
class Flag:
    names: list[str]
    value: str  # "DIR", "softmax|sigmoid", "X TEXT"; empty: a switch
    words: str

    @property
    def choices(self):
        """The values to choose from, if that is what the value is."""
        parts = self.value.split("|")
        return parts if len(parts) > 1 and self.value == self.value.lower() else []

    @property
    def takes_folder(self):
        return self.value == "DIR"

    @property
    def takes_file(self):
        return self.value in ("FILE", "LIST", "BANK", "FILE|DIR", "FILE|DIR|-")


@dataclasses.dataclass
class Command:
    name: str  # empty: the program itself; "evaluate retrieval": one command in another
    purpose: str = ""
    usage: str = ""
    positionals: list[Flag] = dataclasses.field(default_factory=list)
    groups: dict[str, list[Flag]] = dataclasses.field(default_factory=dict)
    commands: dict[str, str] = dataclasses.field(default_factory=dict)
    examples: list[str] = dataclasses.field(default_factory=list)

    @property
    def flags(self):
        return [flag for group in self.groups.values() for flag in group]


def parse(name, text):
    """The Command of a help text. Raises ValueError for a line it does not know, so that none is lost."""
    command = Command(name)
    section = None
    for line in text.splitlines():
        if not line.strip():
            continue
        if line.startswith("Usage: "):
            command.usage = line.removeprefix("Usage: ")
        elif not line.startswith(" ") and line.endswith(":"):
            section = line[:-1]
        elif section is None:
            command.purpose = f"{command.purpose} {line}".strip()
        else:
            _read_line(command, section, line)
    return command


def _read_line(command, section, line):
    flags = command.groups.setdefault(section, []) if section not in ("Positionals", "Subcommands", "Examples") else None
    if section == "Examples":
        command.examples.append(line.removeprefix("  "))
    elif section == "Subcommands" and (entry := ENTRY.match(line)):
        command.commands[entry["name"]] = entry["words"]
    elif section == "Positionals" and (entry := ENTRY.match(line)):
        command.positionals.append(Flag([entry["name"]], entry["value"] or "", entry["words"]))
    elif flags is not None and (flag := FLAG.match(line)):
        flags.append(Flag(flag["names"].split(","), flag["value"] or "", flag["words"] or ""))
    elif flags and line.startswith(" " * 20):
        flags[-1].words = f"{flags[-1].words} {line.strip()}".strip()
    else:
        raise ValueError(f"{PROGRAM} {command.name} --help: cannot read the line {line!r}")


def commands_of(binary):
    """The program and each of its commands, in the order of --help; behind a command the commands in it."""
    def with_inner(name):
        text = subprocess.run([binary, *name.split(), "--help"], capture_output=True, check=True, text=True).stdout
        command = parse(name, text)
        inner = [other for short in command.commands for other in with_inner(f"{name} {short}".strip())]
        return [command, *inner]

    return with_inner("")
