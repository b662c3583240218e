"""Frames of films against FFmpeg's own program: the tests write films with it, and it decodes every frame of them.

`preprocess` says what the network would see of a frame. A frame must give the very numbers that the PNG of it gives which
ffmpeg wrote; which frame is shown at a time follows from the times that ffprobe tells.
"""

import json
import os
import random
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from cli_support import assert_refused

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg writes the films: apt-get install ffmpeg (scripts/setup --test)"
)

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2"]
EXACT = ["-sws_flags", "bicubic+accurate_rnd+full_chroma_int+bitexact", "-pix_fmt", "rgb24"]


def ffmpeg(*arguments):
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def pattern(rate=10, seconds=3, size="64x48"):
    """Frames with a moving pattern: no two are alike."""
    return ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}"]


@pytest.fixture
def film(tmp_path):
    def make(name, *how, source=None):
        ffmpeg(*(source or pattern()), *how, tmp_path / name)
        return name

    return make


@pytest.fixture
def preprocess(run, tmp_path):
    def call(*arguments):
        result = run("preprocess", "--image-size", "32", "-o", "x.npy", *arguments)
        assert result.code == 0, result.err
        return np.load(tmp_path / "x.npy")

    return call


def times_of(path):
    """Seconds from the first frame on, in the order of showing."""
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=best_effort_timestamp_time",
         "-of", "json", path], capture_output=True, text=True, check=True).stdout  # fmt: skip
    times = [float(frame["best_effort_timestamp_time"]) for frame in json.loads(out)["frames"]]
    return [time - times[0] for time in times]


def expected(preprocess, tmp_path, name, times):
    """What `preprocess` gives for the frames that are shown then."""
    frames = tmp_path / "frames"
    frames.mkdir()
    ffmpeg("-i", tmp_path / name, "-vsync", "passthrough", *EXACT, frames / "%05d.png")
    shown = times_of(tmp_path / name)
    pngs = sorted(str(path) for path in frames.iterdir())
    assert len(pngs) == len(shown)
    return preprocess(*(pngs[max(i for i, start in enumerate(shown) if start <= time + 1e-3)] for time in times))


FILMS = {
    "b_frames.mp4": X264,
    "b_frames.mkv": X264,
    "quick.mov": ["-c:v", "mjpeg", "-q:v", "2"],
    "old.avi": ["-c:v", "mpeg4"],
    "vp8.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"],
    "ten_bits.mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"],
    "hd_colors.mp4": [*X264, "-colorspace", "bt709", "-color_range", "tv"],
    "CAPITALS.MP4": X264,
}


@pytest.mark.parametrize("name", FILMS)
def test_frames_are_those_that_ffmpeg_shows(film, preprocess, tmp_path, name):
    film(name, *FILMS[name])
    times = [0, 0.5, 1, 1.5, 2, 2.5]
    assert np.array_equal(preprocess("--fps", "2", name), expected(preprocess, tmp_path, name, times))


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_of_frames_at_uneven_times_the_one_that_is_shown_is_taken(film, preprocess, tmp_path, name):
    film(name, "-vf", "select='eq(n,0)+eq(n,1)+eq(n,4)+gt(n,11)*not(mod(n,7))'", "-vsync", "vfr", *X264)
    times = [0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4]
    shown = preprocess("--every", "300ms", name)
    assert len(shown) >= len(times)
    assert np.array_equal(shown[: len(times)], expected(preprocess, tmp_path, name, times))


@pytest.mark.parametrize("turn, name", [(90, "a.mp4"), (180, "b.mov"), (270, "c.mp4")])
def test_a_film_of_a_phone_is_turned(film, preprocess, tmp_path, turn, name):
    film("straight.mp4", *X264)
    ffmpeg("-i", tmp_path / "straight.mp4", "-c", "copy", "-metadata:s:v", f"rotate={turn}", tmp_path / name)
    ffmpeg("-noautorotate", "-i", tmp_path / name, *EXACT, "-frames:v", "1", tmp_path / "stored.png")
    with Image.open(tmp_path / "stored.png") as stored:
        stored.rotate(turn, expand=True).save(tmp_path / "turned.png")
    assert np.array_equal(preprocess("--every", "1m", name), preprocess("turned.png"))
    # ffmpeg turns before it mixes colors, so its pixels are nearly the same.
    ffmpeg("-i", tmp_path / name, *EXACT, "-frames:v", "1", tmp_path / "theirs.png")
    assert np.abs(preprocess("--every", "1m", name) - preprocess("theirs.png")).mean() < 0.05
    assert np.abs(preprocess("--every", "1m", name) - preprocess("stored.png")).mean() > 0.5


def test_a_frame_that_stands_for_long_is_taken_again_and_again(film, run, demo_model):
    film("slides.mp4", *X264, source=pattern(rate="1/4", seconds=8))
    result = run("embed-image", "-m", demo_model, "--fps", "1", "slides.mp4")
    assert [json.loads(line)["id"] for line in result.lines] == [f"slides.mp4#t={t}.0" for t in range(8)]
    rows = [json.loads(line)["embedding"] for line in result.lines]
    assert rows[0] == rows[3] != rows[4] == rows[7]


def test_ids_say_the_second_with_the_digits_it_needs(film, run, demo_model):
    film("a.mp4", *X264)
    result = run("embed-image", "-m", demo_model, "--fps", "3", "a.mp4")
    assert [json.loads(line)["id"] for line in result.lines][:4] == [f"a.mp4#t={t}" for t in ("0.0", "0.333", "0.667", "1.0")]
    assert result.err == "9 embedded, 0 failed\n"


def test_films_of_a_folder_are_taken_where_frames_are_asked_for(film, run, preprocess, tmp_path):
    (tmp_path / "photos/trip").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos/b.png")
    film("photos/a.mp4", *X264)
    film("photos/trip/c.webm", *FILMS["vp8.webm"])
    shutil.copy(tmp_path / "photos/a.mp4", tmp_path / "photos/._a.mp4")
    assert len(preprocess("--every", "1s", "-r", "photos")) == 3 + 1 + 3
    result = run("preprocess", "--image-size", "8", "-o", "x.npy", "-r", "photos")
    assert result.err == "photos/a.mp4: passed over, a film, and 1 more; --fps 1 takes a frame of each second\n"
    (tmp_path / "photos/b.png").unlink()
    result = run("preprocess", "--image-size", "8", "-o", "x.npy", "-r", "photos")
    assert_refused(result, 2, "images: none; photos/a.mp4 is a film, --fps 1")


def test_a_film_is_no_image(film, run):
    film("a.mp4", *X264)
    assert_refused(run("preprocess", "--image-size", "8", "-o", "x.npy", "a.mp4"), 4, "a.mp4: is a video")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_film_that_was_cut_is_a_failed_input_after_its_good_frames(film, run, demo_model, tmp_path, name):
    how = FILMS["old.avi"] if name.endswith("avi") else X264
    film(name, *how, *(["-movflags", "+faststart"] if name.endswith("mp4") else []), source=pattern(seconds=6))
    whole = run("embed-image", "-m", demo_model, "--fps", "2", name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    cut = run("embed-image", "-m", demo_model, "--fps", "2", name, "--errors", "errors.jsonl")
    assert cut.code == 3
    assert 0 < len(cut.lines) < len(whole.lines)
    assert cut.lines == whole.lines[: len(cut.lines)]
    (error,) = (tmp_path / "errors.jsonl").read_text().splitlines()
    assert json.loads(error)["id"] == name
    assert json.loads(error)["code"] == "unreadable_input"


def test_a_film_that_begins_in_the_midst_of_a_scene_counts_from_its_first_whole_frame(film, run, preprocess, tmp_path):
    film("whole.mkv", *X264, "-g", "10")
    ffmpeg("-i", tmp_path / "whole.mkv", "-c", "copy", "-bsf:v", "noise=drop=lt(n\\,4)", tmp_path / "air.mkv")
    whole = preprocess("--fps", "2", "whole.mkv")
    assert np.array_equal(preprocess("--fps", "2", "air.mkv"), whole[2:])


def test_a_film_without_frames_and_what_is_none_are_one_failed_input_each(run, demo_model, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "sound.mp4")
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mkv").write_bytes(b"")
    (tmp_path / "folder.avi").mkdir()
    names = ["sound.mp4", "text.mp4", "empty.mkv", "folder.avi", "missing.webm"]
    result = run("embed-image", "-m", demo_model, "--fps", "1", *names)
    assert result.code == 3
    errors = result.err.splitlines()
    assert [error.split(":")[1].strip() for error in errors[:-1]] == names
    assert "sound.mp4: has no film track" in result.err
    assert errors[-1] == "0 embedded, 5 failed"


def test_a_playlist_under_the_name_of_a_film_opens_nothing(film, run, demo_model, tmp_path):
    """FFmpeg would follow it to other files and addresses."""
    film("secret.mp4", *X264)
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:10,\nfile://{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path}/secret.mp4\n")
    result = run("embed-image", "-m", demo_model, "--fps", "1", "list.mp4", "concat.mp4", "concat:secret.mp4")
    assert (result.code, result.out) == (3, "")


def test_damaged_films_give_frames_or_an_error_and_never_end_the_job(film, run, demo_model, tmp_path):
    """Deterministic damage; what a decoder cannot notice may look wrong, so only the end of the job is judged."""
    names = []
    for name, how in (("a.mp4", X264), ("a.avi", FILMS["old.avi"]), ("a.webm", FILMS["vp8.webm"])):
        film(name, *how, source=pattern(seconds=1))
        content = (tmp_path / name).read_bytes()
        for seed in range(15):
            chance = random.Random(seed)
            damaged = bytearray(content)
            for _ in range(chance.choice([1, 20, 200])):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            names.append(f"{seed}{name}")
            (tmp_path / names[-1]).write_bytes(damaged)
    Image.new("RGB", (8, 8)).save(tmp_path / "last.png")
    result = run("classify", "--label", "x", "--json", "-m", demo_model, "--fps", "5", *names, "last.png")
    assert result.code == 3, result.err
    assert json.loads(result.lines[-1])["id"] == "last.png"


def test_limits_of_images_hold_for_frames(film, run, demo_model):
    film("a.mp4", *X264)
    for flag, value in (("--max-side", "63"), ("--max-pixels", "3071")):
        result = run("embed-image", "-m", demo_model, "--fps", "1", flag, value, "a.mp4")
        assert (result.code, result.out) == (3, "")
        assert "a.mp4: has frames of 64 by 48 pixels" in result.err


def test_a_run_over_films_is_resumed_to_the_same_bytes(film, run, demo_model, tmp_path):
    film("a.mp4", *X264)
    film("b.mkv", *X264, source=pattern(seconds=2))
    Image.new("RGB", (8, 8)).save(tmp_path / "last.png")
    command = ["embed-image", "-m", demo_model, "--fps", "2", "--batch-size", "2", "--commit-rows", "2", "--on-error", "fail",
               "a.mp4", "b.mkv", "last.png"]  # fmt: skip
    assert run(*command, "-o", "whole.npy").code == 0
    (tmp_path / "last.png").rename(tmp_path / "away.png")
    assert run(*command, "-o", "rows.npy").code == 4
    (tmp_path / "away.png").rename(tmp_path / "last.png")
    resumed = run(*command, "-o", "rows.npy", "--resume")
    assert resumed.code == 0 and "10 done earlier" in resumed.err
    for ending in ("", ".ids.jsonl"):
        assert (tmp_path / f"rows.npy{ending}").read_bytes() == (tmp_path / f"whole.npy{ending}").read_bytes()


def test_frames_of_a_film_that_changed_are_made_anew(film, run, demo_model, tmp_path):
    film("a.mp4", *X264)
    command = ["embed-image", "-m", demo_model, "--fps", "2", "--batch-size", "2", "--commit-rows", "2", "--on-error", "fail",
               "a.mp4", "x.png", "-o", "rows.npy"]  # fmt: skip
    assert run(*command).code == 4
    film("a.mp4", *X264, "-vf", "negate")
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    resumed = run(*command, "--resume")
    assert resumed.code == 0 and "6 made anew" in resumed.err


def spoil(path):
    """Another content, of the same size and time: whoever reads it fails."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_index_reads_no_film_again_that_is_unchanged(film, run, demo_model, tmp_path):
    def index(*arguments, code=0):
        result = run("index", "-m", demo_model, "films", "-x", "a.index", *arguments)
        assert result.code == code, result.err
        return result.err.splitlines()[-1]

    (tmp_path / "films").mkdir()
    film("films/a.mp4", *X264)
    film("films/b.mp4", *X264, "-vf", "negate")
    assert index("--fps", "1") == "6 added, 0 failed; 6 rows in a.index"
    spoil(tmp_path / "films" / "a.mp4")
    assert index("--fps", "1") == "0 added, 6 unchanged, 0 failed; 6 rows in a.index"
    # At other times it must be read; what it had is gone then.
    assert index("--fps", "0.5", code=3) == "0 added, 2 unchanged, 1 removed, 1 failed; 5 rows in a.index"
    (tmp_path / "films" / "a.mp4").unlink()
    assert index("--fps", "0.5") == "0 added, 2 unchanged, 3 removed, 0 failed; 2 rows in a.index"


@pytest.mark.parametrize("flags, words", [
    (["--fps", "0"], "--fps: a number above 0, 1000 at most, is expected"),
    (["--fps", "x"], "--fps: a number above 0"),
    (["--fps", "1001"], "1000 at most"),
    (["--every", "2"], "--every: a time of 1ms or more is expected (2s, 500ms, 1m), not 2"),
    (["--every", "0s"], "--every: a time"),
    (["--every", "1s", "--fps", "1"], "--every"),
])  # fmt: skip
def test_times_that_are_none_are_refused(run, flags, words):
    assert_refused(run("preprocess", "--image-size", "8", "-o", "x.npy", *flags, "a.mp4"), 2, words)


def test_what_is_missing_for_films_is_named(run, binary, demo_model, tmp_path):
    """The library alone, without the module that lies beside it in the build."""
    shutil.copy(binary.parents[2] / "src/libllm2clip.so", tmp_path / "libllm2clip.so.0.2")
    command = ["embed-image", "-m", demo_model, "--fps", "1", "a.mp4"]
    result = run(*command, LD_LIBRARY_PATH=str(tmp_path))
    assert_refused(result, 7, f"films: libllm2clip-films.so is not in {tmp_path}", "LLM2CLIP_FILMS", "libavcodec59")
    (tmp_path / "llm2clip").mkdir()
    (tmp_path / "llm2clip/libllm2clip-films.so").write_text("no library")
    result = run(*command, LD_LIBRARY_PATH=str(tmp_path))
    assert_refused(result, 7, f"films: {tmp_path}/llm2clip/libllm2clip-films.so cannot be loaded", "libavcodec59")
