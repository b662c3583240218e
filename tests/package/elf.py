"""What an ELF file says of itself, read with binutils."""

import re
import subprocess
from pathlib import Path


def _lines(*command) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def exported(library: Path) -> list[str]:
    """The demangled names a library defines for others, without the namespaces of versions."""
    return [line.split(" ", 2)[2] for line in _lines("nm", "-D", "-C", "--defined-only", library)]


def imported(library: Path) -> list[str]:
    """The demangled names a library expects from others."""
    return [line.strip().split(" ", 1)[1] for line in _lines("nm", "-D", "-C", "--undefined-only", library)]


def dynamic(library: Path, tag: str) -> list[str]:
    """The values of a tag of the dynamic section: NEEDED, SONAME, RUNPATH, RPATH."""
    pattern = re.compile(rf"\({tag}\).*\[(.*)\]")
    return [match[1] for line in _lines("readelf", "-d", "-W", library) if (match := pattern.search(line))]


def loaded(program: Path) -> dict[str, Path]:
    """Every library the loader finds for a program, by soname."""
    pairs = (line.split(" => ") for line in _lines("ldd", program) if " => /" in line)
    return {name.strip(): Path(path.split(" (")[0]) for name, path in pairs}
