"""The package in a process: what it loads, signals, threads, fork and spawn, logging."""

import re
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FORKED = """
import os, sys, llm2clip
def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        except llm2clip.Error as error:
            print(type(error).__name__, error, flush=True)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_importing_it_loads_neither_torch_nor_numpy_nor_the_library(python):
    done = python("import sys, llm2clip\n"
                  "print([name for name in ('torch', 'numpy', 'PIL', 'tqdm') if name in sys.modules])\n"
                  "print('libtorch' in open('/proc/self/maps').read(), 'libllm2clip' in open('/proc/self/maps').read())")
    assert done.stdout == "[]\nFalse False\n"


def test_a_model_uses_the_library_of_torch_without_importing_it(python):
    done = python("""
import sys, llm2clip
model = llm2clip.Model("models/demo")
model.encode_text(["a dog"])
print("torch" in sys.modules)
import torch
print(torch.from_dlpack(model.encode_text(["a dog"])).shape[1] == model.dim)
print(len({line.split()[-1] for line in open("/proc/self/maps") if "libtorch_cpu.so" in line}))
""")
    assert done.stdout == "False\nTrue\n1\n"


def test_torch_may_be_imported_first(python):
    done = python("import torch, llm2clip\nprint(llm2clip.Model('models/demo').encode_text(['a dog']).shape)")
    assert done.stdout.startswith("(1, ")


def fake_torch(folder: Path, version: str) -> Path:
    (folder / "torch/lib").mkdir(parents=True)
    (folder / "torch/__init__.py").write_text("")
    (folder / "torch/version.py").write_text(f"__version__ = '{version}'\n")
    return folder


def test_another_version_of_torch_is_refused_with_what_to_install(python, tmp_path):
    folder = fake_torch(tmp_path, "2.12.1+cpu")
    done = python(f"import sys; sys.path.insert(0, {str(folder)!r})\nimport llm2clip\ntry: llm2clip.Model('models/demo')\n"
                  "except llm2clip.UnavailableError as error: print(error)")
    assert re.fullmatch(r"torch 2\.12\.1\+cpu in .*torch: llm2clip \S+ needs 2\.13; install torch>=2\.13,<2\.14\n", done.stdout)


def test_a_process_with_another_libtorch_is_refused(python, tmp_path):
    folder = fake_torch(tmp_path, "2.13.0")
    shutil.copy(sys.executable, folder / "torch/lib/libtorch_cpu.so")  # any file that is not the one that is loaded
    done = python(f"import torch, sys; sys.path.insert(0, {str(folder)!r})\ndel sys.modules['torch']\nimport llm2clip\n"
                  "try: llm2clip.Model('models/demo')\nexcept llm2clip.UnavailableError as error: print(error)")
    assert "this process has that LibTorch" in done.stdout


def test_a_library_that_is_not_there_is_named(python):
    done = python("import llm2clip\ntry: llm2clip.Model('models/demo')\nexcept llm2clip.UnavailableError as error: print(error)",
                  LLM2CLIP_LIBRARY="/nowhere/libllm2clip.so")
    assert done.stdout.startswith("/nowhere/libllm2clip.so: is not there")


def test_the_package_has_the_version_of_the_library_and_the_torch_of_the_build(llm2clip):
    from llm2clip import _version

    assert f"project(llm2clip VERSION {_version.__version__} " in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f"\ntorch=={_version.TORCH}." in (ROOT / "scripts/requirements.txt").read_text(encoding="utf-8")


def test_a_process_that_was_forked_after_loading_is_refused(python):
    done = python(FORKED + """
model = llm2clip.Model("models/demo")
preprocess, tokenizer = model.preprocess, model.tokenizer
model.encode_text(["a dog"])
in_child(lambda: model.encode_text(["a dog"]))
in_child(lambda: model.encode_image(["a.png"]))
in_child(lambda: llm2clip.Model("models/demo"))
in_child(lambda: print(preprocess("tests/data/unseen/image_000.png").shape, tokenizer("a dog").pooled, flush=True))
def leave():
    global model
    del model
    print("left", flush=True)
in_child(leave)
""")
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and all("UnavailableError llm2clip: this process was forked" in line for line in lines[:3])
    assert lines[3].startswith("(3, ") and lines[4] == "left"


def test_a_process_that_was_forked_before_loading_loads(python):
    done = python(FORKED + """
import numpy
work = lambda: print(llm2clip.Model("models/demo").encode_text(["a dog"]).shape, flush=True)
llm2clip.Index
in_child(work)
work()
""")
    first, second = done.stdout.splitlines()
    assert first == second


def test_a_pool_of_spawned_processes_gets_the_model_by_pickle(python, tmp_path):
    (tmp_path / "spawned.py").write_text("""
import multiprocessing, llm2clip
def work(model, text):
    return model.encode_text(text)[:3].tolist()
if __name__ == "__main__":
    model = llm2clip.Model("models/demo")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.starmap(work, [(model, "a dog")]) == [work(model, "a dog")]
    print("same")
""")
    assert python(f"import runpy; runpy.run_path({str(tmp_path / 'spawned.py')!r}, run_name='__main__')").stdout == "same\n"


def test_threads_share_a_model(model, pictures):
    expected = model.encode_image(pictures), model.encode_text(["a dog", "brown ring"])
    with ThreadPoolExecutor(4) as pool:
        images = [pool.submit(model.encode_image, pictures) for _ in range(6)]
        texts = [pool.submit(model.encode_text, ["a dog", "brown ring"]) for _ in range(6)]
        assert all(np.array_equal(rows.result(), expected[0]) for rows in images)
        assert all(np.array_equal(rows.result(), expected[1]) for rows in texts)


def test_other_threads_run_while_the_library_works(model):
    counted, ended = 0, threading.Event()

    def count():
        nonlocal counted
        while not ended.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    start = time.monotonic()
    while time.monotonic() - start < 0.5:
        model.encode_text([f"a dog {number}" for number in range(200)])
    ended.set()
    thread.join()
    assert counted > 50


SIGNALLED = """
import os, signal, sys, threading, time, llm2clip
model = llm2clip.Model("models/demo")
def endless():
    while True:
        yield "tests/data/unseen/image_000.png"
"""


@pytest.mark.parametrize("work", ["model.encode_image(endless())",
                                  "model.encode_text([f'a dog {n} ' * 60 for n in range(100000)])"])
def test_ctrl_c_ends_a_call_and_the_model_goes_on(python, work):
    done = python(SIGNALLED + f"""
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    {work}
except KeyboardInterrupt:
    print("interrupted", 0.4 < time.monotonic() - start < 10)
print(model.encode_text(["a dog"]).shape[0], signal.getsignal(signal.SIGINT) is signal.default_int_handler)
""")
    assert done.stdout == "interrupted True\n1 True\n"
    assert done.stderr == ""


def test_a_handler_that_raises_nothing_runs_and_the_call_goes_on(python):
    done = python(SIGNALLED + """
heard = []
signal.signal(signal.SIGALRM, lambda number, frame: heard.append(len(heard)))
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
rows = model.encode_text([f"a dog {n}" for n in range(20000)])
during = len(heard)
signal.setitimer(signal.ITIMER_REAL, 0)
print(rows.shape[0], during > 2)
""")
    assert done.stdout == "20000 True\n"


def test_messages_of_the_library_go_to_logging(python):
    program = """
import logging, llm2clip
logging.basicConfig(level={level}, format="%(levelname)s %(name)s %(message)s")
model = llm2clip.Model("models/demo")
model.encode_text(["a dog"])
"""
    assert python(program.format(level="logging.WARNING")).stderr == ""
    heard = python(program.format(level="logging.INFO")).stderr
    assert "INFO llm2clip" in heard and "encoded 1 texts" in heard and "DEBUG" not in heard
    assert "DEBUG llm2clip" in python(program.format(level="logging.DEBUG")).stderr


def test_models_are_freed_with_their_last_reference(python):
    done = python("""
import ctypes, gc, os, llm2clip
count = ctypes.CDLL(os.environ["LLM2CLIP_LIBRARY"]).llm2clip_live_handles
count.restype = ctypes.c_size_t
def work():
    model = llm2clip.Model("models/demo")
    rows = model.encode_image(["tests/data/unseen/image_000.png"] * 3), model.encode_text(["a dog"])
    model.classify(["tests/data/unseen/image_000.png"], ["a dog"])
    try: model.encode_image([b"no image"])
    except llm2clip.UnreadableInputError: pass
    return model.tokenizer("a dog")
work()
gc.collect()
print(count())
""")
    assert done.stdout == "0\n"
