"""Manual pages: llm2clip.1 and one for each command."""

from .help_text import PROGRAM


def _roff(text):
    """`text` so that troff prints it as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return r"\&" + text if text.startswith(".") else text


def page_name(command):
    return f"{PROGRAM} {command.name}".strip().replace(" ", "-") + ".1"


def _flag(flag):
    names = ", ".join(rf"\fB{_roff(name)}\fR" for name in flag.names)
    value = rf" \fI{_roff(flag.value)}\fR" if flag.value else ""
    return [".TP", names + value, _roff(flag.words)]


def page(command, commands, version):
    """The roff text of one page; `commands` are all of them, for SEE ALSO."""
    title = page_name(command).removesuffix(".1")
    lines = [f'.TH {_roff(title.upper())} 1 "" "{PROGRAM} {version}" "User Commands"', ".SH NAME",
             f"{_roff(title)} \\- {_roff(command.purpose)}", ".SH SYNOPSIS", rf"\fB{_roff(command.usage)}\fR"]
    if command.commands:
        lines.append(".SH COMMANDS")
        for name, words in command.commands.items():
            lines += [".TP", rf"\fB{_roff(name)}\fR", _roff(words)]
    if command.positionals:
        lines.append(".SH ARGUMENTS")
        for flag in command.positionals:
            lines += _flag(flag)
    for group, flags in command.groups.items():
        lines.append(f".SH {_roff(group.upper())}")
        for flag in flags:
            lines += _flag(flag)
    if command.examples:
        lines += [".SH EXAMPLES", ".nf", *map(_roff, command.examples), ".fi"]
    others = [page_name(other).removesuffix(".1") for other in commands if other is not command]
    lines += [".SH SEE ALSO", ", ".join(rf"\fB{_roff(other)}\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"
