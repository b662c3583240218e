import os

import pytest

from llm2clip_export import output_directory
from llm2clip_export.errors import OutputError
from llm2clip_export.output_directory import whole_directory


def make(target, overwrite=False, needed=0, content="new"):
    with whole_directory(target, needed, overwrite) as directory:
        (directory / "llm2clip.json").write_text(content)
        (directory / "golden").mkdir()
        (directory / "golden" / "x").write_text("x")


def test_appears_whole(tmp_path):
    make(tmp_path / "deep" / "m")
    assert os.listdir(tmp_path / "deep") == ["m"]
    assert (tmp_path / "deep" / "m" / "golden" / "x").read_text() == "x"


def test_is_as_public_as_other_files(tmp_path):
    umask = os.umask(0o027)
    try:
        make(tmp_path / "m")
    finally:
        os.umask(umask)
    assert oct((tmp_path / "m").stat().st_mode & 0o777) == "0o750"
    assert oct((tmp_path / "m" / "llm2clip.json").stat().st_mode & 0o777) == "0o640"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, OSError])
def test_leaves_nothing_when_it_fails_midway(tmp_path, error):
    with pytest.raises((error, OutputError)):
        with whole_directory(tmp_path / "m", 0, False) as directory:
            (directory / "llm2clip.json").write_text("half")
            raise error
    assert os.listdir(tmp_path) == []


def test_leaves_nothing_when_a_signal_falls_right_after_the_directory_is_made(tmp_path, monkeypatch):
    mkdir = output_directory.Path.mkdir

    def interrupted(path, *arguments, **options):
        mkdir(path, *arguments, **options)
        if "partial" in path.name:
            raise KeyboardInterrupt

    monkeypatch.setattr(output_directory.Path, "mkdir", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_keeps_the_old_one_when_it_fails_midway(tmp_path):
    make(tmp_path / "m", content="old")
    with pytest.raises(RuntimeError):
        with whole_directory(tmp_path / "m", 0, True):
            raise RuntimeError
    assert (tmp_path / "m" / "llm2clip.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["m"]


def test_keeps_the_old_one_when_the_last_rename_fails(tmp_path, monkeypatch):
    make(tmp_path / "m", content="old")
    rename = os.rename

    def failing(source, target):
        if str(target).endswith("/m") and ".old" not in str(source):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(output_directory.os, "rename", failing)
    with pytest.raises(OutputError, match="No space left on device"):
        make(tmp_path / "m", overwrite=True)
    assert (tmp_path / "m" / "llm2clip.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["m"]


def test_refuses_what_exists(tmp_path):
    make(tmp_path / "m")
    with pytest.raises(OutputError, match="exists already.*--overwrite"):
        make(tmp_path / "m")
    make(tmp_path / "m", overwrite=True, content="newer")
    assert (tmp_path / "m" / "llm2clip.json").read_text() == "newer"
    assert os.listdir(tmp_path) == ["m"]


def test_overwrites_only_model_directories(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("1")
    (tmp_path / "file").write_text("1")
    for name in ("thesis", "file"):
        with pytest.raises(OutputError, match="replaces model directories only"):
            make(tmp_path / name, overwrite=True)
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty", overwrite=True)


def test_names_what_it_needs_and_what_is_free(tmp_path):
    with pytest.raises(OutputError, match=r"m: needs 1000000.00 GB, \d+\.\d+ [GM]B are free"):
        make(tmp_path / "m", needed=10**15)
    assert os.listdir(tmp_path) == []


def test_names_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        make(tmp_path / "file" / "m")


def test_what_another_export_has_written_meanwhile_stays(tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        with whole_directory(tmp_path / "m", 0, overwrite=False) as directory:
            (directory / "llm2clip.json").write_text("slow")
            make(tmp_path / "m", content="fast")
    assert (tmp_path / "m" / "llm2clip.json").read_text() == "fast"
    assert os.listdir(tmp_path) == ["m"]
