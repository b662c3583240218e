"""The program as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from llm2clip_export import export as export_module
from llm2clip_export.cli import main


def run(*arguments, **options):
    command = [sys.executable, "-m", "llm2clip_export.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_exports_and_prints_nothing_on_standard_output(tmp_path, vision, text):
    done = run("--vision", vision, "--text", text, "-o", tmp_path / "m")
    assert (done.returncode, done.stdout) == (0, "")
    assert all(line.startswith("llm2clip-export: ") for line in done.stderr.splitlines())
    assert json.loads((tmp_path / "m" / "llm2clip.json").read_text())["format"] == 2


def test_quiet_says_nothing(tmp_path, text):
    done = run("--text", text, "-o", tmp_path / "m", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_help_shows_an_example():
    done = run("--help")
    assert done.returncode == 0
    assert "llm2clip-export --vision microsoft/LLM2CLIP-Openai-L-14-336" in done.stdout


def refused(capsys, *arguments) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("llm2clip-export: ")
    return code, lines[0]


@pytest.mark.parametrize(
    "arguments",
    [[], ["-o", "m"], ["--vision", "v"], ["--text", "t", "-o", "m", "--precision", "int8"], ["--nonsense"],
     ["-o", "m", "--text", "t", "--prompt", "x"]],
)  # fmt: skip
def test_usage_errors_are_one_line_and_exit_2(capsys, arguments):
    assert refused(capsys, *arguments)[0] == 2


def test_a_refused_checkpoint_exits_5(capsys, tmp_path):
    code, line = refused(capsys, "--vision", tmp_path / "nowhere", "-o", tmp_path / "m")
    assert code == 5 and str(tmp_path / "nowhere") in line


def test_an_output_that_exists_exits_6(capsys, tmp_path, text):
    (tmp_path / "m").mkdir()
    code, line = refused(capsys, "--text", text, "-o", tmp_path / "m")
    assert code == 6 and "--overwrite" in line


def test_an_internal_error_exits_1_and_asks_for_a_report(capsys, tmp_path, text, monkeypatch):
    monkeypatch.setattr(export_module, "read_parts", lambda request: 1 / 0)
    assert main(["--text", str(text), "-o", str(tmp_path / "m")]) == 1
    assert "please report" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing(tmp_path, text, number, code):
    process = subprocess.Popen(
        [sys.executable, "-m", "llm2clip_export.cli", "--text", text, "-o", tmp_path / "m"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.time() + 60
    while not list(tmp_path.glob(".m.partial-*")) and process.poll() is None and time.time() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    process.wait(timeout=60)
    process.stderr.close()
    assert process.returncode == code
    assert sorted(os.listdir(tmp_path)) == ["text"]


def test_a_signal_that_torch_swallows_still_stops_the_export(tmp_path, text, monkeypatch):
    def swallowing(*arguments):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except KeyboardInterrupt:
            pass

    monkeypatch.setattr(export_module.manifest, "write", swallowing)
    assert main(["--text", str(text), "-o", str(tmp_path / "m"), "-q"]) == 143
    assert os.listdir(tmp_path) == ["text"]


def test_published_layout_has_a_command_line(tmp_path):
    import published_layout

    command = [sys.executable, published_layout.__file__, "--vision", tmp_path / "v", "--text", tmp_path / "t"]
    subprocess.run([*command, "--width", "48", "--seed", "3", "--rope-scaling"], check=True)
    done = run("--vision", tmp_path / "v", "--text", tmp_path / "t", "-o", tmp_path / "m", "-q")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "m" / "llm2clip.json").read_text())["adapter"]["width"] == 48


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--vision", "v", "--text-precision", "int8"], "--text-precision: is of the text tower; give --text as well"),
        (["--vision", "v", "--size", "0.5"], "--size: is of a tower in int8 or int4"),
        (["--vision", "v", "--vision-precision", "int8", "--size", "0"], "argument --size: invalid share value: '0'"),
        (["--vision", "v", "--vision-precision", "int2"], "invalid choice: 'int2'"),
    ],
)
def test_8_and_4_bits_are_of_a_tower_that_is_given(capsys, arguments, message):
    assert main([*arguments, "-o", "nowhere"]) == 2
    assert message in capsys.readouterr().err
