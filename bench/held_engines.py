"""ONNX Runtime and OpenVINO held to AVX2. They ask the processor itself what it has, and have no switch.

So copies of their libraries get another instruction where CPUID was, one that no processor has, and
bench/hold/hold_processor.c answers it. All else of them is as it was published.
"""

import re
import shutil
import subprocess
from pathlib import Path

from machine import Machine, NotHere

PACKAGES = ("onnxruntime", "openvino")

CPUID, INVALID = b"\x0f\xa2", b"\x06\xa2"


def held_environment(machine: Machine) -> dict[str, str]:
    """For a Python of .venv-peers."""
    preloaded = machine.program("bench/hold/libhold_processor.so")
    return {**machine.environment, "PYTHONPATH": str(held_packages(machine)), "LD_PRELOAD": str(preloaded)}


def held_packages(machine: Machine) -> Path:
    """The folder of the copies, which stay there for the next time."""
    site = next(machine.python(".venv-peers").parents[1].glob("lib/python3*/site-packages"))
    versions = sorted(path.name for name in PACKAGES for path in site.glob(f"{name}-*.dist-info"))
    folder = machine.folder / "held" / "-".join(version.removesuffix(".dist-info") for version in versions)
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for name in PACKAGES:
            if not (site / name).exists():
                raise NotHere(f"{name} is missing: run scripts/setup --bench")
            shutil.copytree(site / name, partial / name, symlinks=True)
        for library in sorted(partial.rglob("*.so*")):
            if library.is_file() and not library.is_symlink():
                replace_cpuid(library)
        partial.rename(folder)
    return folder


def replace_cpuid(library: Path) -> int:
    """Returns how many there were."""
    if CPUID not in library.read_bytes():
        return 0
    places = cpuid_places(library)
    data = bytearray(library.read_bytes())
    for place in places:
        if data[place : place + 2] != CPUID:
            raise NotHere(f"{library.name}: no CPUID at {place:#x}, where objdump shows one")
        data[place : place + 2] = INVALID
    library.write_bytes(data)
    return len(places)


def cpuid_places(library: Path) -> list[int]:
    """Where in the file: as objdump takes the code apart, so that no constant with these bytes is meant."""
    places, shift = [], 0
    sections = {name: int(offset, 16) - int(address, 16) for name, address, offset in section_table(library)}
    with subprocess.Popen(
        ["objdump", "--disassemble", "--wide", str(library)], stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            if line.startswith("Disassembly of section "):
                shift = sections[line.removeprefix("Disassembly of section ").rstrip(":\n")]
            elif "cpuid" in line and (found := re.match(r"\s*([0-9a-f]+):\t0f a2 +\tcpuid\s*$", line)):
                places.append(int(found[1], 16) + shift)
    if process.returncode:
        raise NotHere(f"objdump cannot take {library.name} apart")
    return places


def section_table(library: Path) -> list[tuple[str, str, str]]:
    """Name, address and place in the file."""
    said = subprocess.run(["objdump", "--section-headers", "--wide", str(library)], capture_output=True, text=True, check=True)
    return re.findall(r"^\s*\d+ (\S+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)", said.stdout, flags=re.M)
