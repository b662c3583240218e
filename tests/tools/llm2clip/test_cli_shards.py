"""Shards of a job on many machines: which inputs are whose, how far they are, and Slurm's arrays."""

import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

import slurm_cluster
from cli_support import assert_refused
from doc_blocks import blocks, text_of

SLURM = {"SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_MAX": "9"}


def ids_of(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in Path(f"{path}.ids.jsonl").read_text().splitlines()]


@pytest.fixture
def archives(tmp_path, pictures):
    """One tar archive a picture; the list of them is list.txt."""
    names = []
    for picture in pictures:
        names.append(picture.replace(".png", ".tar"))
        with tarfile.open(tmp_path / names[-1], "w") as file:
            file.add(tmp_path / picture, arcname=picture)
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names))
    return names


@pytest.mark.parametrize("task, shard", [("5", 0), ("7", 1), ("9", 2)])
def test_a_task_of_an_array_takes_its_share(run, demo_model, pictures, task, shard):
    done = run("embed-image", "-m", demo_model, *pictures, "--shard", "auto", SLURM_ARRAY_TASK_ID=task, **SLURM)
    assert [json.loads(line)["id"] for line in done.lines] == pictures[shard::3], done.err


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"SLURM_ARRAY_TASK_ID": ""}, "SLURM_ARRAY_TASK_ID is no number; give I/N (2/8)"),
        ({"SLURM_ARRAY_TASK_ID": "6"}, "not 3 from 5 to 9; give I/N (2/8)"),
        ({"SLURM_ARRAY_TASK_ID": "11"}, "not 3 from 5 to 9"),
        ({"SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MAX": "5"}, "not 1 from 5 to 5"),
        ({"SLURM_ARRAY_TASK_MAX": "8"}, "not 3 from 5 to 8"),
    ],
)
def test_another_array_is_refused(run, demo_model, changed, words):
    environment = SLURM | {"SLURM_ARRAY_TASK_ID": "5"} | changed
    assert_refused(run("embed-text", "-m", demo_model, "-t", "a", "--shard", "auto", **environment), 2, "--shard", words)


def test_outside_of_an_array_auto_is_refused(run, demo_model):
    refused = run("embed-text", "-m", demo_model, "-t", "a", "--shard", "auto")
    assert_refused(refused, 2, "sbatch --array", "SLURM_ARRAY_TASK_ID is not set")


def test_whole_archives_go_into_a_file_of_their_own(run, tmp_path, demo_model, pictures, archives):
    for shard in range(1, 8):
        done = run("embed-image", "-m", demo_model, "--from-file", "list.txt", "-o", "all.npy",
                   "--shard", f"{shard}/7", "--shard-by", "archive")
        assert done.code == 0, done.err
        assert "merge" not in done.err
    files = sorted(path for path in tmp_path.glob("all-*.npy"))
    assert [path.name for path in files] == [f"all-0000{shard}-of-00007.npy" for shard in range(1, 8)]
    rows = dict(zip(files, [ids_of(path) for path in files], strict=True))
    assert list(rows.values()) == [[f"{name}/{picture}"] for name, picture in zip(archives, pictures, strict=True)] + [[], []]
    assert [len(np.load(path)) for path in files] == [1] * 5 + [0] * 2
    # The others' archives are not even opened.
    for name in archives[1:]:
        (tmp_path / name).unlink()
    again = run("embed-image", "-m", demo_model, "--from-file", "list.txt", "--shard", "1/7", "--shard-by", "archive")
    assert (again.code, len(again.lines)) == (0, 1)


def test_a_merge_to_chunks_leaves_a_numbered_file_of_each_shard(run, tmp_path, demo_model, pictures):
    for shard in (1, 2):
        assert run("embed-image", "-m", demo_model, *pictures, "-o", "all.npy", "--shard", f"{shard}/2").code == 0
    done = run("merge", "all.npy", "--chunks")
    assert done.code == 0, done.err
    assert "written to" in done.err
    assert "all-00001-of-00002.npy to" in done.err
    assert ids_of(tmp_path / "all-00001-of-00002.npy") == pictures[0::2]
    assert ids_of(tmp_path / "all-00002-of-00002.npy") == pictures[1::2]
    assert not list(tmp_path.glob("*.run"))
    assert_refused(run("merge", "all.npy", "--chunks"), 6, "no runs of shards stand beside it")


def test_archives_of_texts_are_shared_too(run, tmp_path, demo_model):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f"a {name}")
        with tarfile.open(tmp_path / f"{name}.tar", "w") as file:
            file.add(tmp_path / f"{name}.txt", arcname=f"{name}.txt")
    files = [part for name in ("a", "b", "c") for part in ("-f", f"{name}.tar")]
    done = run("embed-text", "-m", demo_model, *files, "--shard", "1/2", "--shard-by", "archive")
    assert [json.loads(line)["id"] for line in done.lines] == ["a.tar/a.txt", "c.tar/c.txt"]
    refused = run("embed-text", "-m", demo_model, "-t", "x", "--shard", "1/2", "--shard-by", "archive")
    assert_refused(refused, 2, "-t: --shard-by archive: tar archives are expected")


def test_by_archive_other_files_are_refused(run, demo_model, pictures, archives):
    refused = run("embed-image", "-m", demo_model, archives[0], pictures[0], "--shard", "1/2", "--shard-by", "archive")
    assert refused.code == 2 and f"{pictures[0]}: --shard-by archive: tar archives are expected" in refused.err


def test_status_tells_how_far_each_run_is(run, tmp_path, demo_model, pictures):
    (tmp_path / "no image.png").write_text("x")
    image = ("embed-image", "-m", demo_model, "--batch-size", "1", "--commit-rows", "1")
    assert run(*image, *pictures, "no image.png", "-o", "whole.npy").code == 3
    assert run(*image, *pictures, "-o", "all.npy", "--shard", "1/3").code == 0
    assert run(*image, *pictures, "-o", "half.npy", "--shard", "2/3").code == 0
    journal = tmp_path / "half.npy.shard-2-of-3.run" / "journal"
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    done = run("status")
    assert done.code == 0
    table = [line.split() for line in done.lines]
    assert table[0] == ["output", "shard", "state", "rows", "failed", "inputs/s", "last", "commit"]
    assert table[1][:5] == ["all.npy", "1/3", "done", "2", "0"]
    assert table[2][:5] == ["half.npy", "2/3", "unfinished", "1", "0"]
    assert table[3][:4] == ["whole.npy", "done", "5", "1"]
    assert "all.npy: no run of shard 2, 3 of 3" in done.err and "half.npy: no run of shard 1, 3 of 3" in done.err
    assert "2 of 3 runs done, 8 rows, 1 failed" in done.err
    states = [json.loads(line) for line in run("status", ".", "--json").lines]
    assert [(state["state"], state["inputs"], state["failed"]) for state in states] == [
        ("done", 2, 0), ("unfinished", 1, 0), ("done", 6, 1)]
    assert states[0]["inputs_per_second"] > 0 and 0 <= states[0]["seconds_since_commit"] < 300


def test_status_tells_of_damage_and_goes_on(run, tmp_path, demo_model, pictures):
    assert run("embed-image", "-m", demo_model, *pictures, "-o", "x.npy").code == 0
    (tmp_path / "y.npy.run").mkdir()
    (tmp_path / "y.npy.run" / "run.json").write_text("{")
    done = run("status")
    assert done.code == 0
    assert [line.split()[:2] for line in done.lines[1:]] == [["x.npy", "done"], ["y.npy", "damaged"]]
    assert "y.npy.run/run.json" in done.err and "1 of 2 runs done" in done.err


def test_status_of_no_folder_is_refused(run):
    assert_refused(run("status", "nowhere"), 6, "nowhere: cannot be listed")


# ---- The script of docs/how_to/slurm.md


@pytest.fixture
def array_script(tmp_path) -> Path:
    script = tmp_path / "embed.sh"
    script.write_text(next(block for block in blocks(text_of(Path("docs/how_to/slurm.md")), "sh") if block.startswith("#!")))
    return script


@pytest.fixture
def job_environment(binary) -> dict[str, str]:
    return {"PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}"}


def check_rows(folder: Path, archives: list[str]) -> None:
    found = [name for task in range(1, 5) for name in ids_of(folder / f"rows-0000{task}-of-00004.npy")]
    assert sorted(found) == sorted(f"{name}/{name.replace('.tar', '.png')}" for name in archives)


def test_the_script_of_the_page_runs_with_slurms_variables(tmp_path, demo_model, archives, array_script, job_environment):
    for task in range(4):
        variables = {"ID": task, "COUNT": 4, "MIN": 0, "MAX": 3}
        array = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in variables.items()}
        done = subprocess.run(["bash", array_script, demo_model, "list.txt", "rows.npy"], cwd=tmp_path, capture_output=True,
                              text=True, env=os.environ | job_environment | array | {"SLURM_CPUS_PER_TASK": "1"})
        assert done.returncode == 0, done.stderr
    check_rows(tmp_path, archives)


@pytest.mark.skipif(bool(slurm_cluster.missing()), reason=slurm_cluster.missing())
def test_under_slurm_a_stopped_task_is_queued_again_and_loses_nothing(
    tmp_path, demo_model, archives, array_script, job_environment
):
    """The archive of the first task is a pipe that gives nothing, and a file when the task comes again."""
    first = tmp_path / archives[0]
    content = first.read_bytes()
    first.unlink()
    os.mkfifo(first)
    with slurm_cluster.running_cluster(tmp_path / "slurm") as cluster:
        output = tmp_path / "out-%a"
        job = cluster.run("sbatch", "--parsable", f"--chdir={tmp_path}", f"--output={output}", str(array_script),
                          str(demo_model), "list.txt", "rows.npy", **job_environment).strip()
        cluster.wait("the other tasks", lambda: sorted(cluster.states(job)) == ["COMPLETED"] * 3 + ["RUNNING"])
        cluster.wait("the first task's run", (tmp_path / "rows-00001-of-00004.npy.run").exists)
        (tmp_path / "whole.tar").write_bytes(content)
        (tmp_path / "whole.tar").replace(first)
        cluster.run("scancel", "--batch", "--signal=TERM", f"{job}_0")
        cluster.wait("the first task again", lambda: cluster.states(job) == ["COMPLETED"] * 4)
    assert "stopped by SIGTERM" in (tmp_path / "out-0").read_text()
    check_rows(tmp_path, archives)
