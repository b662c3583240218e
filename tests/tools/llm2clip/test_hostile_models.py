"""Model files that are programs of somebody else: refused with exit code 5, and nothing of them is run.

Each stands in a directory whose manifest has its true hash, so that only the list of operators is in its way.
"""

import hashlib
import json
import pathlib
import shutil
import subprocess
import zipfile

import pytest
import torch

PICTURE = pathlib.Path(__file__).resolve().parents[2] / "data" / "unseen" / "image_000.png"


class Vision(torch.nn.Module):
    """What a vision tower promises, and a place for something else."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(4, 3 * 48 * 48))


class ReadsAFile(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.from_file("canary", False, 4)


class WritesAFile(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        torch.save(pixels, "canary")
        return pixels


class MapsAFileToWrite(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.from_file("canary", True, 4).fill_(1.0)


class Prints(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        print("canary")
        return pixels


class RollsDice(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.bernoulli(pixels)


class ChangesWeights(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.weight.set_(pixels)  # type: ignore[call-overload]
        return pixels


class NeverEnds(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        while bool(pixels.sum() < 1e30):
            pixels = pixels * 1.0
        return pixels


class CallsAThread(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.jit.wait(torch.jit.fork(torch.neg, pixels))


class LoopsWhileItLoads(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        count = 0
        while count >= 0:
            count = (count + 1) % 1000
        self.weight = state[0]  # type: ignore[assignment]
        self.training = state[1]


class WritesWhileItLoads(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        torch.save(state[0], "canary")
        self.weight = state[0]  # type: ignore[assignment]
        self.training = state[1]


class Harmless(Vision):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.matmul(pixels.flatten(1), self.weight.t())


PROGRAMS = [ReadsAFile, WritesAFile, MapsAFileToWrite, Prints, RollsDice, ChangesWeights, NeverEnds, CallsAThread,
            LoopsWhileItLoads, WritesWhileItLoads]


def optimized(source, target, change):
    """`source` as a TorchScript archive again, each record as change(name, bytes) gives it; None leaves it out."""
    writer = torch._C.PyTorchFileWriter(str(target))
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            record = name.split("/", 1)[1]
            content = change(record, archive.read(name))
            if content is not None and not record.startswith(".data/") and record != "version":
                writer.write_record(record, content, len(content))
    writer.write_end_of_file()


@pytest.fixture
def model(demo_model, tmp_path):
    """A copy of the demo model, and what puts another vision.pt into it, with its hash in the manifest."""
    folder = tmp_path / "model"
    shutil.copytree(demo_model, folder)

    def replace(make):
        make(folder / "vision.pt")
        content = (folder / "vision.pt").read_bytes()
        manifest = json.loads((folder / "llm2clip.json").read_text())
        facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["files"]["vision.pt"].update(facts)
        (folder / "llm2clip.json").write_text(json.dumps(manifest))
        return folder

    return replace


@pytest.fixture
def run(binary, tmp_path):
    def call(folder, *flags):
        return subprocess.run([binary, "embed-image", "-m", folder, *flags, PICTURE], cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)

    return call


def assert_refused(done, tmp_path, *words):
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert done.stderr.count("\n") == 1
    for word in ("vision.pt: ", *words):
        assert word in done.stderr
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_that_does_more_than_a_model_is_refused(model, run, tmp_path, program):
    folder = model(lambda path: torch.jit.script(program()).save(str(path)))
    assert_refused(run(folder), tmp_path, "which no model of llm2clip-export does")


def test_a_model_that_is_only_a_model_runs(model, run):
    folder = model(lambda path: torch.jit.script(Harmless()).save(str(path)))
    done = run(folder)
    assert "which no model" not in done.stderr  # its shape is not the manifest's, which is another matter


def test_trust_model_runs_it_and_says_so(model, run, tmp_path):
    folder = model(lambda path: torch.jit.script(WritesAFile()).save(str(path)))
    done = run(folder, "--trust-model")
    assert (tmp_path / "canary").exists()
    assert "warning: " in done.stderr and "its programs are trusted, and not held to" in done.stderr


# What torch.jit.script would never write


BODIES = {
    "a method of a tensor": "    return pixels.bernoulli_()",
    "a method with the name of an operator": "    return pixels.forward()",
    "an import": "    import os\n    return pixels",
    "a lambda": "    f = lambda x: x\n    return f(pixels)",
    "a function of Python": "    eval(\"1\")\n    return pixels",
    "an operator of another library": "    return ops.profiler._record_function_enter(\"canary\")",
    "an operator by its long name": "    return torch._C._nn.gelu(pixels)",
    "a custom class": "    x = annotate(__torch__.torch.classes.xnnpack.LinearOpContext, None)\n    return pixels",
    "a string without an end": "    x = \"canary\n    return pixels",
    "a character of no language": "    return pixels $ pixels",
}


@pytest.mark.parametrize("kind", BODIES)
def test_code_that_torchscript_would_not_write_is_refused(model, run, tmp_path, kind):
    plain = tmp_path / "plain.pt"
    torch.jit.script(Harmless()).save(str(plain))

    def change(name, content):
        if not (name.startswith("code/") and name.endswith(".py")):
            return None if name.endswith(".debug_pkl") else content
        lines = content.decode().split("\n")
        start = next(i for i, line in enumerate(lines) if "-> Tensor:" in line)
        body = "\n".join("  " + line for line in BODIES[kind].split("\n"))
        return ("\n".join(lines[:start + 1]) + "\n" + body + "\n").encode()

    folder = model(lambda path: optimized(plain, path, change))
    assert_refused(run(folder), tmp_path)


def replaced_in_pickle(old, new):
    return lambda name, content: content.replace(old, new) if name == "data.pkl" else content


PICKLES = {
    "a function of Python": (replaced_in_pickle(b"ccollections\nOrderedDict\n", b"cposix\nsystem\n"),
                             "names posix.system"),
    "an opcode TorchScript does not write": (lambda name, content: content[:-1] + b"i." if name == "data.pkl"
                                             else content, "has the pickle opcode 105"),
    "a second pickle": (lambda name, content: content + b"\x80\x02N." if name == "data.pkl" else content,
                        "has bytes after its end"),
    "no end": (lambda name, content: content[:-1] if name == "data.pkl" else content, "ends early"),
}


@pytest.mark.parametrize("kind", PICKLES)
def test_pickles_with_more_than_a_models_are_refused(model, run, tmp_path, kind):
    plain = tmp_path / "plain.pt"
    torch.jit.script(Harmless()).save(str(plain))
    change, words = PICKLES[kind]
    folder = model(lambda path: optimized(plain, path, change))
    assert_refused(run(folder), tmp_path, "data.pkl ", words)


def test_records_of_unknown_kinds_are_refused(model, run, tmp_path):
    def make(path):
        torch.jit.script(Harmless()).save(str(path), _extra_files={"more.txt": "canary"})

    assert_refused(run(model(make)), tmp_path, "extra/more.txt is of a kind of record")


# A directory that is pinned


def test_expect_sha256_pins_the_directory(demo_model, run):
    right = hashlib.sha256((demo_model / "llm2clip.json").read_bytes()).hexdigest()
    assert run(demo_model, "--expect-sha256", right).returncode == 0
    done = run(demo_model, "--expect-sha256", "0" * 64)
    assert (done.returncode, done.stdout) == (5, "")
    assert right in done.stderr and "0" * 64 in done.stderr
    assert run(demo_model, "--expect-sha256", "12").returncode == 2
