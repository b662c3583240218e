"""Manual pages and completions of the installed command, tried in the shells themselves."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from cli_files import help_text


@pytest.fixture(scope="module")
def commands(binary):
    return help_text.commands_of(binary)


def output(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed: scripts/setup --test")
    return name


def test_every_line_of_help_is_read(binary, commands):
    """A flag that the parser passed over would be missing everywhere."""
    for command in commands[1:]:
        text = output(binary, *command.name.split(), "--help")
        flags = re.findall(r"^  (-[\w,-]+)", text, flags=re.M)
        assert flags == [",".join(flag.names) for flag in command.flags]
        assert all(flag.words for flag in command.flags)


def test_each_command_has_a_page_with_each_flag(commands, prefix):
    pages = prefix / "share" / "man" / "man1"
    assert len(list(pages.iterdir())) == len(commands)
    for command in commands:
        name = f"llm2clip {command.name}".strip().replace(" ", "-")
        text = output(shell("man"), "-l", pages / f"{name}.1", env={"MANWIDTH": "200", "PATH": "/usr/bin:/bin"})
        assert f"{name} - {command.purpose}" in text
        for flag in command.flags:
            # Prose only: formatting may wrap words, never a flag.
            assert re.search(rf"^ +{re.escape(', '.join(flag.names))}( |$)", text, flags=re.M), flag


def test_pages_are_formatted_without_warnings(prefix):
    for page in (prefix / "share" / "man" / "man1").iterdir():
        done = subprocess.run([shell("man"), "--warnings", "-E", "UTF-8", "-Tutf8", "-l", page], capture_output=True,
                              text=True)
        assert (done.returncode, done.stderr) == (0, ""), page


@pytest.mark.parametrize("line, expected", [
    ("llm2clip cl", {"classify"}),
    ("llm2clip classify --act", {"--activation"}),
    ("llm2clip classify --activation s", {"softmax", "sigmoid"}),
    ("llm2clip classify ima", {"image.png"}),
    ("llm2clip info -m ", {"models"}),
    ("llm2clip embed-text --on-long ", {"truncate", "error"}),
    ("llm2clip evaluate ", {"retrieval", "zero-shot"}),
    ("llm2clip evaluate retrieval --layout c", {"coco"}),
    ("llm2clip evaluate zero-shot --templ", {"--template", "--templates"}),
])
def test_bash_completes(prefix, tmp_path, line, expected):
    (tmp_path / "image.png").touch()
    (tmp_path / "models").mkdir()
    script = prefix / "share" / "bash-completion" / "completions" / "llm2clip"
    ask = 'source "$1"; read -ra COMP_WORDS <<<"$2"; [[ $2 == *" " ]] && COMP_WORDS+=(""); ' \
          'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _llm2clip; printf "%s\\n" "${COMPREPLY[@]}"'
    assert set(output("bash", "-c", ask, "bash", script, line, cwd=tmp_path).split()) == expected


@pytest.mark.parametrize("line, expected", [
    ("llm2clip cl", {"classify"}),
    ("llm2clip classify --act", {"--activation"}),
    ("llm2clip classify --activation so", {"softmax"}),
    ("llm2clip evaluate r", {"retrieval"}),
    ("llm2clip evaluate retrieval --layout c", {"coco"}),
    ("llm2clip classify ima", {"image.png"}),
])
def test_fish_completes(prefix, tmp_path, line, expected):
    (tmp_path / "image.png").touch()
    script = prefix / "share" / "fish" / "vendor_completions.d" / "llm2clip.fish"
    out = output(shell("fish"), "-N", "-c", 'source $argv[1]; complete -C $argv[2]', script, line, cwd=tmp_path)
    assert {row.split("\t")[0] for row in out.splitlines()} == expected


def test_zsh_loads_the_completion(prefix):
    """zsh completes only in a terminal, so this holds what it makes of the file: a function, and no error."""
    folder = prefix / "share" / "zsh" / "site-functions"
    ask = 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[llm2clip]; ' \
          'autoload +X _llm2clip; print $+functions[_llm2clip]'
    assert output(shell("zsh"), "-f", "-c", ask, "zsh", folder).split() == ["_llm2clip", "1"]
    assert output("zsh", "-n", folder / "_llm2clip") == ""
