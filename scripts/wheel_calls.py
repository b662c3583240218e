"""What scripts/check-wheel has an installed wheel do, in an environment that has it and torch alone.

    wheel_calls.py first     the first vector
    wheel_calls.py calls     what an import costs, the calls of the README, and what the process has loaded for them
    wheel_calls.py compiled  the same of an sdist that pip compiled here, which takes codecs of the system
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

# glibc, and what every Linux wheel takes from the system.
OF_THE_SYSTEM = re.compile(r"/(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|stdc\+\+|gcc_s)(-[\d.]+)?)\.so")


def fail(message: str) -> None:
    sys.exit(f"check-wheel: {message}")


def loaded() -> set[str]:
    """The libraries of this process."""
    return set(re.findall(r"(/\S+\.so[\d.]*)$", Path("/proc/self/maps").read_text(encoding="utf-8"), re.MULTILINE))


def import_seconds() -> float:
    """The least of five, in a process each."""
    program = "import time; began = time.perf_counter(); import llm2clip; print(time.perf_counter() - began)"
    return min(float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(5))


def first() -> None:
    import llm2clip

    print("check-wheel: rows of", *llm2clip.Model(llm2clip.demo_model()).encode_image(["image_000.png"]).shape)


def calls(holds_codecs: bool = True) -> None:
    taken = import_seconds()
    print(f"check-wheel: import llm2clip takes {taken:.3f} s")
    if taken > 0.15:
        fail("0.15 s is expected at most")
    before = loaded()
    import llm2clip

    if "torch" in sys.modules or any("libtorch" in path for path in loaded()):
        fail("importing llm2clip loads something of torch")
    began = time.perf_counter()
    model = llm2clip.Model(llm2clip.demo_model())
    images = model.encode_image(sorted(str(path) for path in Path().glob("*.png")))
    texts = model.encode_text(["a red circle", "a brown ring", "a dog"])
    print(f"check-wheel: model, {len(images)} images and {len(texts)} texts in {time.perf_counter() - began:.2f} s")
    if model.similarity(images, texts)[0].argmax() != 1:
        fail("the first picture is a brown ring")
    foreign = {path for path in loaded() - before if not path.startswith(sys.prefix) and not OF_THE_SYSTEM.search(path)}
    # Modules of Python itself that llm2clip or numpy imports bring their own.
    foreign = {path for path in foreign if not path.startswith(os.path.realpath(sys.base_prefix))
               and not re.search(r"/lib(ffi|z|lzma|bz2|crypto|ssl|expat)\.so", path)}
    if foreign and holds_codecs:
        fail(f"taken from the system, not from the wheel: {sorted(foreign)}")


{"first": first, "calls": calls, "compiled": lambda: calls(holds_codecs=False)}[sys.argv[1]]()
