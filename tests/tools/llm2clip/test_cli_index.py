"""Index and search: what is found, what is read again, and what is refused. Uses models/demo."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from cli_support import assert_refused

COLORS = ["red", "green", "blue", "white", "black", "yellow"]


@pytest.fixture
def photos(tmp_path):
    """A folder with a folder in it: six images of one color each."""
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for at, color in enumerate(COLORS):
        Image.new("RGB", (40, 30), color).save(tmp_path / "photos" / ("more" if at > 3 else "") / f"{color}.png")
    return "photos"


@pytest.fixture
def index(run, demo_model, tmp_path):
    """index("photos"): brings a.index up to date and returns its summary."""

    def call(*arguments, code=0):
        result = run("index", "-m", demo_model, *arguments, "-x", "a.index", "--summary", "summary.json")
        assert result.code == code, result.err
        return json.loads((tmp_path / "summary.json").read_text())

    return call


@pytest.fixture
def search(run, demo_model):
    """[[(id, score), ...] for each query] of llm2clip search."""

    def call(*arguments, **options):
        result = run("search", "-m", demo_model, "-x", "a.index", *arguments, "--jsonl", **options)
        assert result.code == 0, result.err
        lines = [json.loads(line) for line in result.lines]
        return [[(hit["id"], hit["score"]) for hit in line["results"]] for line in lines]

    return call


def counts(summary):
    return {name: summary[name] for name in ("added", "replaced", "unchanged", "removed", "failed")}


def ids_of(hits):
    return {name for name, _ in hits}


def rows_of(result):
    assert result.code == 0, result.err
    return np.array([json.loads(line)["embedding"] for line in result.lines])


# Indexing


def test_what_is_new_changed_and_gone_is_all_that_happens(index, photos, search, tmp_path):
    assert counts(index(photos)) == {"added": 6, "replaced": 0, "unchanged": 0, "removed": 0, "failed": 0}
    assert counts(index(photos)) == {"added": 0, "replaced": 0, "unchanged": 6, "removed": 0, "failed": 0}
    Image.new("RGB", (40, 30), "cyan").save(tmp_path / "photos" / "cyan.png")
    Image.new("RGB", (70, 30), "gray").save(tmp_path / "photos" / "red.png")
    (tmp_path / "photos" / "blue.png").unlink()
    assert counts(index(photos)) == {"added": 1, "replaced": 1, "unchanged": 4, "removed": 1, "failed": 0}
    found = ids_of(search("anything", "--top-k", "0")[0])
    assert found == {"photos/cyan.png", "photos/red.png", "photos/green.png", "photos/white.png",
                     "photos/more/black.png", "photos/more/yellow.png"}


def test_unchanged_files_are_not_read_again(index, photos, tmp_path):
    index(photos)
    path = tmp_path / "photos" / "red.png"
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(index(photos))["unchanged"] == 6
    os.utime(path)
    assert counts(index(photos, code=3)) == {"added": 0, "replaced": 0, "unchanged": 5, "removed": 1, "failed": 1}


def test_other_folders_and_folders_that_vanished_keep_their_rows(index, photos, tmp_path):
    index(photos)
    shutil.copytree(tmp_path / "photos", tmp_path / "photos2")
    assert index("photos2")["rows"] == 12
    shutil.move(tmp_path / "photos", tmp_path / "away")  # a disk that is not there today
    summary = index("photos", "photos2", code=3)
    assert (summary["rows"], summary["failed"]) == (12, 1)
    shutil.rmtree(tmp_path / "photos2" / "more")
    assert index("photos2/")["removed"] == 2


def test_a_file_that_cannot_be_used_is_named_and_the_others_are_there(index, photos, run, demo_model, tmp_path):
    (tmp_path / "photos" / "notes.jpg").write_text("no image")
    summary = index(photos, "--errors", "errors.jsonl", code=3)
    assert (summary["rows"], summary["failed_by_code"]) == (6, {"unreadable_input": 1})
    assert json.loads((tmp_path / "errors.jsonl").read_text())["id"] == "photos/notes.jpg"
    assert_refused(run("index", "-m", demo_model, photos, "-x", "b.index", "--on-error", "fail"), 4, "photos/notes.jpg")


@pytest.mark.parametrize("arguments", [["none"], ["none", "photos/none.jpg"], ["notes"]])
def test_inputs_that_all_fail_make_no_index(run, demo_model, photos, tmp_path, arguments):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.jpg").write_text("no image")
    result = run("index", "-m", demo_model, *arguments, "-x", "new.index")
    assert result.code == 3
    assert result.err.splitlines()[-1].endswith("failed; new.index was not made")
    assert not (tmp_path / "new.index").exists()


def test_a_row_that_cannot_be_stored_makes_no_index(run, tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((2, 4), np.float32))
    result = run("index", "--from", "rows.npy", "-x", "new.index")
    assert result.code != 0 and "is all zeros" in result.err
    assert not (tmp_path / "new.index").exists()


def test_a_folder_without_images_makes_no_index(run, demo_model, tmp_path):
    (tmp_path / "nothing").mkdir()
    assert_refused(run("index", "-m", demo_model, "nothing", "-x", "new.index"), 2, "images: none")
    assert not (tmp_path / "new.index").exists()


def test_the_model_is_loaded_when_there_is_something_to_embed(index, photos, run, demo_model, tmp_path):
    index(photos)
    told = "vision part on"  # a detail of loading
    arguments = ("index", "-v", "-m", demo_model, photos, "-x", "a.index")
    assert told not in run(*arguments).err
    (tmp_path / "photos" / "red.png").unlink()
    assert told not in run(*arguments).err
    Image.new("RGB", (40, 30), "cyan").save(tmp_path / "photos" / "cyan.png")
    assert told in run(*arguments).err


def test_rows_of_files_are_indexed_with_their_ids(run, demo_model, photos, search, tmp_path):
    assert run("embed-image", "-m", demo_model, "-r", photos, "-o", "rows.safetensors").code == 0
    result = run("index", "--from", "rows.safetensors", "-x", "a.index")
    assert (result.code, result.err) == (0, "llm2clip: 6 added, 0 failed; 6 rows in a.index\n".replace("llm2clip: ", ""))
    assert search("--image", "photos/red.png")[0][0][0] == "photos/red.png"
    # The same rows as an index of the folder: it goes on from there.
    result = run("index", "-m", demo_model, photos, "-x", "a.index", "--summary", "s.json")
    assert result.code == 0, result.err
    assert json.loads((tmp_path / "s.json").read_text())["rows"] == 6


def test_rows_of_npy_files_are_taken_where_all_have_ids(run, tmp_path):
    rows = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    assert run("index", "--from", "rows.npy", "-x", "numbered.index").code == 0
    (tmp_path / "rows.npy.ids.jsonl").write_text("".join(json.dumps({"id": name}) + "\n" for name in "abcd"))
    assert "4 ids for 5 rows" in run("index", "--from", "rows.npy", "-x", "a.index").err
    assert not (tmp_path / "a.index").exists()
    with open(tmp_path / "rows.npy.ids.jsonl", "a") as file:
        file.write('{"id": "e"}\n')
    assert run("index", "--from", "rows.npy", "-x", "a.index").code == 0
    stored = [np.load(next((tmp_path / name).glob("rows-*.npy"))) for name in ("numbered.index", "a.index")]
    assert np.array_equal(stored[0], stored[1])
    assert np.allclose(stored[0], rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-3)


# Searching


def test_scores_are_the_dot_products_of_query_and_rows(index, photos, search, run, demo_model, tmp_path):
    index(photos)
    rows = np.load(next((tmp_path / "a.index").glob("rows-*.npy"))).astype(np.float64)
    query = rows_of(run("embed-text", "-m", demo_model, "-t", "a red circle"))[0]
    hits = search("a red circle", "--top-k", "0")[0]
    assert [score for _, score in hits] == pytest.approx(sorted(rows @ query, reverse=True), abs=1e-6)
    order = np.argsort(-(rows @ query), kind="stable")
    listed = sorted(f"photos/{'more/' if at > 3 else ''}{color}.png" for at, color in enumerate(COLORS))
    assert [name for name, _ in hits] == [listed[at] for at in order]


def test_an_image_finds_itself(index, photos, search):
    index(photos)
    for color in COLORS[:4]:
        name, score = search("--image", f"photos/{color}.png")[0][0]
        assert name == f"photos/{color}.png"
        assert score == pytest.approx(1, abs=1e-3)


def test_terms_are_added_with_their_weights(index, photos, search, run, demo_model):
    index(photos)
    texts = rows_of(run("embed-text", "-m", demo_model, "-t", "red", "-t", "blue", "-t", "a dog"))
    image = rows_of(run("embed-image", "-m", demo_model, "photos/green.png"))[0]
    rows = rows_of(run("embed-image", "-m", demo_model, "-r", photos))
    query = texts[0] + image + 0.5 * texts[1] - texts[2]
    query /= np.linalg.norm(query)
    hits = search("red", "--image", "photos/green.png", "--weighted", "0.5", "blue", "--minus", "a dog")[0]
    assert [score for _, score in hits] == pytest.approx(sorted(rows @ query, reverse=True), abs=1e-3)
    assert search("red", "--weighted", "-1", "a dog") == search("red", "--minus", "a dog")


def test_many_queries_give_what_each_gives_alone(index, photos, search, tmp_path):
    index(photos)
    words = [f"a {color} thing" for color in COLORS]
    (tmp_path / "queries.txt").write_text("\n".join(words))
    together = search("-f", "queries.txt", "--top-k", "3")
    alone = [search(text, "--top-k", "3")[0] for text in words]
    assert [[name for name, _ in hits] for hits in together] == [[name for name, _ in hits] for hits in alone]


def test_a_filter_and_a_least_score_leave_out(index, photos, search):
    index(photos)
    assert ids_of(search("red", "--filter", "photos/more/*")[0]) == {"photos/more/black.png", "photos/more/yellow.png"}
    best = search("red")[0]
    assert search("red", "--min-score", repr(best[2][1]))[0] == best[:3]


def test_the_table_and_the_document_say_the_same(index, photos, run, demo_model):
    index(photos)
    table = run("search", "-m", demo_model, "-x", "a.index", "red", "--top-k", "2")
    document = json.loads(run("search", "-m", demo_model, "-x", "a.index", "red", "--top-k", "2", "--json").out)
    assert document[0]["query"] == "red"
    for line, hit in zip(table.lines[1:], document[0]["results"], strict=True):
        assert line.split() == [f"{hit['score']:.4f}", hit["id"]]


def test_duplicates_come_in_groups(index, photos, run, tmp_path):
    shutil.copy(tmp_path / "photos" / "red.png", tmp_path / "photos" / "zcopy.png")
    index(photos)
    result = run("duplicates", "-x", "a.index", "--min-score", "0.9999", "--json")
    assert result.code == 0
    groups = json.loads(result.out)
    assert [[hit["id"] for hit in group] for group in groups] == [["photos/red.png", "photos/zcopy.png"]]
    assert "1 groups with 2 of 7 images" in result.err


# What is refused


def test_another_model_is_refused_by_what_differs(index, photos, run, demo_model, tmp_path):
    index(photos)
    other = shutil.copytree(demo_model, tmp_path / "other")
    manifest = json.loads((other / "llm2clip.json").read_text())
    manifest["name"] = "other"
    (other / "llm2clip.json").write_text(json.dumps(manifest))
    words = ("its rows are of model llm2clip-demo", "manifest_sha256 is")
    assert_refused(run("search", "-m", other, "-x", "a.index", "red"), 2, *words)
    assert_refused(run("index", "-m", other, photos, "-x", "a.index"), 2, *words)


def test_other_rows_are_refused_by_what_differs(index, photos, run, demo_model):
    index(photos)
    assert_refused(run("index", "-m", demo_model, photos, "-x", "a.index", "--exif"), 6, "exif is false there and true here")


@pytest.mark.parametrize("arguments, words", [
    (["search", "-x", "a.index"], "query: none"),
    (["search", "-x", "a.index", "red", "-f", "queries.txt"], "-f: the file has all queries"),
    (["search", "-x", "a.index", "--weighted", "much", "red"], "a finite number is expected"),
    (["search", "-x", "a.index", "red", "--minus", "red"], "cancel each other out"),
    (["search", "red"], "--index"),
    (["index", "-x", "b.index"], "images: none"),
    (["index", "photos", "--from", "rows.npy", "-x", "b.index"], "--from"),
    (["duplicates", "-x", "a.index", "--min-score", "2"], "--min-score"),
])
def test_a_line_that_cannot_be_meant_is_a_usage_error(index, photos, run, demo_model, arguments, words):
    index(photos)
    result = run(*arguments, LLM2CLIP_MODEL=str(demo_model))
    assert result.code == 2, result.err
    assert words in result.err


def test_what_is_no_index_is_refused_and_left_alone(run, photos, demo_model, tmp_path):
    assert_refused(run("search", "-m", demo_model, "-x", "none", "red"), 4, "none: is no index")
    assert_refused(run("duplicates", "-x", photos), 4, "photos: is no index")
    before = sorted(os.listdir(tmp_path / "photos"))
    assert_refused(run("index", "-m", demo_model, photos, "-x", photos), 6, "photos: is there and is no index")
    assert sorted(os.listdir(tmp_path / "photos")) == before


def test_a_damaged_index_is_found_out(index, photos, run, tmp_path):
    index(photos)
    assert run("index", "-x", "a.index", "--check").code == 0
    path = next((tmp_path / "a.index").glob("rows-*.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert_refused(run("index", "-x", "a.index", "--check"), 4, f"{path.name} is damaged")
