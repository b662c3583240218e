"""Writers of an index that are killed, for test_killed_writers.py and scripts/soak."""

import pathlib
import random
import subprocess
import time


def kill_at_random(keeper: pathlib.Path, folder: pathlib.Path, kills: int, seed: int, inputs: int = 60) -> int:
    """Kills as many writers at random moments of their work, while a reader looks; returns how many states were reached.

    After each kill the index must be one that some commit left: each row of its id, none twice, all files as written. At
    the end of a state nothing may be lost or too many.
    """
    moments, index = random.Random(seed), folder / "a.index"

    def start(what: str, state: int) -> subprocess.Popen:
        return subprocess.Popen([keeper, what, index, str(inputs), str(state)], stderr=subprocess.PIPE, text=True)

    def run(what: str, state: int) -> None:
        check(start(what, state), what, state)

    def check(process: subprocess.Popen, what: str, state: int) -> None:
        said = process.communicate()[1]
        assert process.returncode == 0, f"{what} of state {state}, seed {seed}: {said}"

    started = time.monotonic()
    run("keep", 0)
    seconds = time.monotonic() - started
    run("is", 0)
    state = killed = 0
    while killed < kills:
        state += 1
        for _ in range(moments.randrange(1, 6)):
            writer, reader = start("keep", state), start("look", state)
            time.sleep(moments.uniform(0, seconds))
            writer.kill()
            writer.communicate()
            killed += writer.returncode == -9
            check(reader, "look beside the writer", state)
            run("look", state)
        run("keep", state)
        run("is", state)
    return state
