"""tar archives through the program: what becomes a row, and what hostile archives cost."""

import io
import json
import os
import resource
import subprocess
import tarfile

import numpy as np
import pytest
from PIL import Image

from cli_support import assert_refused


def png(color="red"):
    file = io.BytesIO()
    Image.new("RGB", (16, 16), color).save(file, "PNG")
    return file.getvalue()


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def write_tar(path, members, mode="w", format=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=format) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path.name


def samples(count=3):
    """As WebDataset's writer puts them: the members of a sample side by side."""
    for index in range(count):
        color = ("red", "green", "blue")[index % 3]
        key = f"{index:06d}"
        caption = json.dumps({"caption": f"a {color} square", "key": key, "width": 16})
        yield member(f"{key}.jpg", png(color))
        yield member(f"{key}.txt", f"a {color} image\n".encode())
        yield member(f"{key}.json", caption.encode())


@pytest.fixture
def shard(tmp_path):
    return write_tar(tmp_path / "shard.tar", samples())


@pytest.fixture
def embed(run, demo_model):
    """embed("embed-image", ...) -> ids, rows, the result."""

    def call(command, *arguments, code=0, **options):
        result = run(command, "-m", demo_model, *arguments, **options)
        assert result.code == code, result.err
        lines = [json.loads(line) for line in result.lines]
        rows = np.array([line["embedding"] for line in lines], dtype=np.float32)
        return [line["id"] for line in lines], rows, result

    return call


def test_the_images_of_a_shard_have_the_rows_of_their_files(embed, shard, tmp_path):
    ids, rows, _ = embed("embed-image", shard)
    assert ids == [f"shard.tar/{index:06d}.jpg" for index in range(3)]
    for color in ("red", "green", "blue"):
        (tmp_path / f"{color}.png").write_bytes(png(color))
    _, expected, _ = embed("embed-image", "red.png", "green.png", "blue.png")
    assert np.array_equal(rows, expected)


def test_shards_may_be_named_in_lists_and_compressed(embed, shard, tmp_path):
    gzipped = write_tar(tmp_path / "shard.tar.gz", samples(), mode="w:gz")
    (tmp_path / "shards.txt").write_text(f"{shard}\n{gzipped}\n")
    ids, _, _ = embed("embed-image", "--from-file", "shards.txt")
    assert ids == [f"{name}/{index:06d}.jpg" for name in (shard, gzipped) for index in range(3)]
    assert embed("embed-image", "-", stdin=b"shard.tar\n")[0] == ids[:3]


def test_the_texts_of_a_shard_are_its_txt_members(embed, shard, tmp_path):
    ids, rows, _ = embed("embed-text", "-f", shard)
    assert ids == [f"shard.tar/{index:06d}.txt" for index in range(3)]
    (tmp_path / "captions").write_text("a red image\na green image\na blue image\n")
    assert np.array_equal(rows, embed("embed-text", "-f", "captions")[1])


def test_a_text_of_a_member_may_have_several_lines(embed, tmp_path):
    write_tar(tmp_path / "two.tar", [member("a.txt", b"one\ntwo\r\n")])
    _, rows, _ = embed("embed-text", "-f", "two.tar")
    assert np.array_equal(rows, embed("embed-text", "-t", "one\ntwo")[1])


def test_what_macos_packs_beside_a_member_is_none(embed, tmp_path):
    """As its tar does: ._a.jpg before a.jpg."""
    attributes = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
    members = [("._a.png", attributes), ("a.png", png()), ("x/._a.txt", attributes), ("x/a.txt", b"\xef\xbb\xbfa dog\n"),
               ("._a.json", attributes), ("a.json", b'\xef\xbb\xbf{"text": "a dog"}')]
    write_tar(tmp_path / "mac.tar", [member(name, content) for name, content in members])
    assert embed("embed-image", "mac.tar")[0] == ["mac.tar/a.png"]
    expected = embed("embed-text", "-t", "a dog")[1]
    for flags, name in (([], "x/a.txt"), (["--jsonl"], "a.json")):
        ids, rows, _ = embed("embed-text", "-f", "mac.tar", *flags)
        assert ids == [f"mac.tar/{name}"]
        assert np.array_equal(rows, expected)


def test_with_jsonl_the_texts_are_fields_of_json_members(embed, shard):
    ids, rows, _ = embed("embed-text", "-f", shard, "--jsonl", "--field", "caption")
    assert ids == [f"shard.tar/{index:06d}.json" for index in range(3)]
    expected = embed("embed-text", "-t", "a red square", "-t", "a green square", "-t", "a blue square")[1]
    assert np.array_equal(rows, expected)
    ids = embed("embed-text", "-f", shard, "--jsonl", "--field", "caption", "--id-field", "key")[0]
    assert ids == ["000000", "000001", "000002"]
    _, _, result = embed("embed-text", "-f", shard, "--jsonl", "--field", "title", code=3)
    assert "shard.tar/000001.json: has no string under" in result.err


def test_classify_preprocess_and_tokenize_take_shards(run, demo_model, shard, tmp_path):
    result = run("classify", "-m", demo_model, shard, "--label", "a", "--json")
    assert (result.code, len(result.lines)) == (0, 3)
    table = run("classify", "-m", demo_model, shard, "--label", "a")
    assert [line.split()[0] for line in table.lines[1:]] == [f"shard.tar/{index:06d}.jpg" for index in range(3)]
    assert run("preprocess", "--image-size", "16", "-o", "x.npy", shard).code == 0
    assert np.load(tmp_path / "x.npy").shape == (3, 3, 16, 16)
    tokens = run("tokenize", "-m", demo_model, "-f", shard)
    assert tokens.out == run("tokenize", "-m", demo_model, "-t", "a red image", "-t", "a green image",
                             "-t", "a blue image").out  # fmt: skip


def test_a_broken_shard_costs_its_rest_and_nothing_else(embed, shard, tmp_path):
    whole = (tmp_path / shard).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:2700])
    ids, _, result = embed("embed-image", "cut.tar", shard, code=3)
    assert ids == ["cut.tar/000000.jpg"] + [f"shard.tar/{index:06d}.jpg" for index in range(3)]
    assert result.err.splitlines() == [
        "llm2clip: cut.tar: ends early or is damaged, in or after member 3: "
        "Truncated input file (needed 512 bytes, only 140 available)",
        "4 embedded, 1 failed",
    ]


def test_on_error_fail_stops_at_a_broken_shard(run, demo_model, shard, tmp_path):
    (tmp_path / "cut.tar").write_bytes((tmp_path / shard).read_bytes()[:3000])
    result = run("embed-image", "-m", demo_model, "--on-error", "fail", "cut.tar", shard, "-o", "x.npy")
    assert_refused(result, 4, "cut.tar: ends early")
    assert not (tmp_path / "x.npy").exists()


NOT_ARCHIVES = {
    "missing.tar": (None, "cannot be opened"),
    "empty.tar": (b"", "is not a tar archive"),
    "text.tar": (b"not an archive\n" * 100, "is not a tar archive"),
    "image.tar": (png(), "is not a tar archive"),
    "zeros.tar": (bytes(10240), "has no member with the ending of an image"),
    "gzip.tar.gz": (b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"junk" * 100, "gzip.tar.gz: "),
}


@pytest.mark.parametrize("name", NOT_ARCHIVES)
def test_what_is_no_archive_is_a_failed_input(embed, shard, tmp_path, name):
    content, words = NOT_ARCHIVES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    ids, _, result = embed("embed-image", name, shard, code=3)
    assert len(ids) == 3
    assert f"llm2clip: {name}: " in result.err and words in result.err
    assert result.err.endswith("3 embedded, 1 failed\n")


def test_a_folder_named_like_an_archive_is_a_failed_input(embed, shard, tmp_path):
    (tmp_path / "folder.tar").mkdir()
    _, _, result = embed("embed-image", "folder.tar", shard, code=3)
    assert "folder.tar: cannot be opened: Is a directory" in result.err


HOSTILE_MEMBERS = {
    "hard link": (member("x.png", type=tarfile.LNKTYPE, linkname="good.png"), "is a link"),
    "link": (member("x.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link"),
    "device": (member("x.png", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "is a link"),
    "pipe": (member("x.png", type=tarfile.FIFOTYPE), "is a link"),
    "long name": (member("n" * 5000 + ".png", png()), "has a name of 5004 bytes"),
    "damaged image": (member("x.png", png()[:40]), "x.png: "),
    "empty image": (member("x.png"), "x.png: "),
}


@pytest.mark.parametrize("what", HOSTILE_MEMBERS)
def test_a_hostile_member_is_named_and_its_neighbors_stand(embed, tmp_path, what):
    hostile, words = HOSTILE_MEMBERS[what]
    write_tar(tmp_path / "s.tar", [member("good.png", png()), hostile, member("last.png", png())])
    ids, _, result = embed("embed-image", "s.tar", code=3)
    assert ids == ["s.tar/good.png", "s.tar/last.png"]
    assert words in result.err
    assert result.err.endswith("2 embedded, 1 failed\n")


def test_names_of_members_are_names_only(embed, tmp_path):
    names = ["/etc/evil.png", "../../up.png", "./dot.png", "a//b.png", "new\nline.png", "caf\u00e9.png",
             "cafe\u0301.png", "esc\x1b[2J.png"]
    write_tar(tmp_path / "s.tar", [member(name, png()) for name in names])
    before = sorted(tmp_path.rglob("*"))
    for locale in ("C.UTF-8", "C"):
        ids, _, _ = embed("embed-image", "s.tar", LC_ALL=locale)
        assert ids == [f"s.tar/{name}" for name in names]
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_in_an_archive_is_not_opened(embed, shard, tmp_path):
    inner = (tmp_path / shard).read_bytes()
    write_tar(tmp_path / "outer.tar", [member("inner.tar", inner), member("a.png", png())])
    assert embed("embed-image", "outer.tar")[0] == ["outer.tar/a.png"]


def peak_mib(binary, tmp_path, *arguments):
    """The most memory that a run takes, and what it says."""
    limit = 20 << 30  # of address space: what grows without end meets it
    process = subprocess.Popen(
        [binary, "preprocess", "--image-size", "2", "-o", "x.npy", *arguments],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    errors = process.stderr.read().decode(errors="replace")
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_maxrss / 1024, errors


def pax_of(keyword_bytes):
    """A pax header that announces and holds a name of so many bytes, before a member."""
    return member("x.png", png(), pax_headers={"path": "n" * keyword_bytes + ".png"})


def test_bombs_take_little_memory(binary, tmp_path):
    (tmp_path / "one.png").write_bytes(png())
    plain, errors = peak_mib(binary, tmp_path, "one.png")
    assert errors == ""

    with open(tmp_path / "holes.png", "wb") as file:
        file.truncate(1 << 40)
    subprocess.run(["tar", "--sparse", "-cf", "holes.tar", "holes.png"], cwd=tmp_path, check=True)
    write_tar(tmp_path / "name.tar", [pax_of(50 << 20)])
    header = tarfile.TarInfo("x.png")
    header.size = 8 << 30
    (tmp_path / "lie.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    header.size = 200 << 20  # under the limit, and not there
    (tmp_path / "lie_small.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    chain = tarfile.TarInfo("x.png").create_pax_header({**tarfile.TarInfo("x.png").get_info(), "path": "n" * 300}, "utf-8")
    (tmp_path / "chain.tar").write_bytes(chain[:-512] * 20_000)
    with tarfile.open(tmp_path / "zeros.tar.gz", "w:gz", compresslevel=9) as archive:
        zeros = tarfile.TarInfo("x.png")
        zeros.size = 300 << 20
        with open("/dev/zero", "rb") as source:
            archive.addfile(zeros, source)

    for name in ("holes.tar", "name.tar", "lie.tar", "lie_small.tar", "chain.tar", "zeros.tar.gz"):
        peak, errors = peak_mib(binary, tmp_path, name)
        assert errors.startswith(f"llm2clip: {name}"), errors
        assert peak < plain + 64, name


def test_an_index_reads_no_archive_again_that_is_unchanged(run, demo_model, tmp_path):
    path = tmp_path / "a.tar"
    write_tar(path, [member("red.png", png()), member("blue.png", png("blue")), member("bad.png", b"no image")])

    def index(code=0):
        result = run("index", "-m", demo_model, "a.tar", "-x", "a.index")
        assert result.code == code, result.err
        return result.err.splitlines()[-1]

    # What failed is tried again.
    assert index(code=3) == "2 added, 1 failed; 2 rows in a.index"
    assert index(code=3) == "0 added, 2 unchanged, 1 failed; 2 rows in a.index"
    write_tar(path, [member("red.png", png()), member("blue.png", png("blue"))])
    assert index() == "0 added, 2 unchanged, 0 failed; 2 rows in a.index"
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert index() == "0 added, 2 unchanged, 0 failed; 2 rows in a.index"
