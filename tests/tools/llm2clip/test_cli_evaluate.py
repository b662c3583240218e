"""llm2clip evaluate: recall and accuracy, against plain NumPy on the same rows, and the layouts of data sets."""

import json
import shutil
import statistics

import numpy as np
import pytest
from PIL import Image

from cli_support import ROOT, assert_refused

COLORS = ["red", "green", "blue", "white", "black", "yellow"]


def retrieval(images, texts, pairs):
    """Recall and median rank of one direction, by sorting: wrong candidates before right ones of the same score."""
    scores = images @ texts.T
    right = np.zeros(scores.shape, bool)
    right[tuple(np.array(pairs).T)] = True
    ranks = []
    for row, theirs in zip(scores, right):
        order = sorted(range(len(row)), key=lambda i: (-row[i], theirs[i]))
        if theirs.any():
            ranks.append(1 + [bool(theirs[i]) for i in order].index(True))
    shares = {f"recall_at_{k}": sum(rank <= k for rank in ranks) / len(ranks) for k in (1, 5, 10)}
    return {"queries": len(ranks), **shares, "median_rank": statistics.median(ranks)}


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_rows(path, rows, ids):
    np.save(path, rows)
    path.with_name(path.name + ".ids.jsonl").write_text("".join(json.dumps({"id": name}) + "\n" for name in ids))


def write_lines(path, objects):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in objects))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("seed, spread", [(0, 0.5), (1, 2.0), (2, 4.0)])
def test_recall_of_rows_is_numpys(run, tmp_path, dtype, seed, spread):
    random = np.random.default_rng(seed)
    images = random.standard_normal((70, 48)).astype(dtype)
    owners = [image for image in range(70) for _ in range(1 + image % 5)]
    texts = (images[owners] + spread * random.standard_normal((len(owners), 48))).astype(dtype)
    write_rows(tmp_path / "images.npy", images, [f"{i}.jpg" for i in range(70)])
    write_rows(tmp_path / "texts.npy", texts, [f"text {i}" for i in range(len(owners))])
    write_lines(tmp_path / "pairs.jsonl", [
        {"image": f"{i}.jpg", "caption": [f"text {j}" for j, owner in enumerate(owners) if owner == i]}
        for i in range(70)])
    result = run("evaluate", "retrieval", "--images", "images.npy", "--texts", "texts.npy", "--pairs", "pairs.jsonl",
                 "--json")
    assert (result.code, result.err) == (0, "")
    answer = json.loads(result.out)
    pairs = list(zip(owners, range(len(owners))))
    images, texts = unit(images.astype(np.float32)), unit(texts.astype(np.float32))
    assert answer["image_to_text"] == retrieval(images, texts, pairs)
    assert answer["text_to_image"] == retrieval(texts, images, [(text, image) for image, text in pairs])
    assert (answer["images"], answer["texts"], answer["failed"], answer["truncated"]) == (70, len(owners), 0, 0)


def test_ties_are_lost(run, tmp_path):
    np.save(tmp_path / "images.npy", np.array([[1, 0]] * 3, np.float32))
    np.save(tmp_path / "texts.npy", np.array([[1, 0], [0, 1]], np.float32))
    write_lines(tmp_path / "pairs.jsonl", [{"image": 1, "caption": 0}])
    answer = json.loads(run("evaluate", "retrieval", "--images", "images.npy", "--texts", "texts.npy", "--pairs",
                            "pairs.jsonl", "--json").out)
    assert answer["image_to_text"]["median_rank"] == 1
    assert answer["text_to_image"]["median_rank"] == 3
    assert answer["text_to_image"]["recall_at_1"] == 0


def test_a_text_that_two_images_share_finds_either(run, tmp_path):
    np.save(tmp_path / "images.npy", np.array([[1, 0], [0, 1], [-1, 0]], np.float32))
    write_rows(tmp_path / "texts.npy", np.array([[0.1, 1], [-1, 0]], np.float32), ["two", "one"])
    write_lines(tmp_path / "pairs.jsonl", [{"image": 0, "caption": "two"}, {"image": 1, "caption": ["two"]},
                                           {"image": 2, "caption": "one"}])
    answer = json.loads(run("evaluate", "retrieval", "--images", "images.npy", "--texts", "texts.npy", "--pairs",
                            "pairs.jsonl", "--json").out)
    assert answer["text_to_image"] == {"queries": 2, "recall_at_1": 1.0, "recall_at_5": 1.0, "recall_at_10": 1.0,
                                       "median_rank": 1.0}


def test_captions_that_come_twice_take_the_rows_that_they_have(run, tmp_path):
    np.save(tmp_path / "images.npy", np.array([[1, 0], [0, 1]], np.float32))
    write_rows(tmp_path / "texts.npy", np.array([[1, 0], [0, 1]], np.float32), ["same", "same"])
    write_lines(tmp_path / "pairs.jsonl", [{"image": 0, "caption": "same"}, {"image": 1, "caption": "same"}])
    answer = json.loads(run("evaluate", "retrieval", "--images", "images.npy", "--texts", "texts.npy", "--pairs",
                            "pairs.jsonl", "--json").out)
    assert answer["text_to_image"]["recall_at_1"] == 1 and answer["text_to_image"]["queries"] == 2


@pytest.fixture
def set_of_colors(tmp_path):
    """One image a color, for data sets of every layout."""
    def draw(folder):
        (tmp_path / folder).mkdir(parents=True)
        for number, color in enumerate(COLORS, 1):
            Image.new("RGB", (40, 30), color).save(tmp_path / folder / f"{number}.jpg")
        return tmp_path

    return draw


def captions_of(color):
    return [f"a {color} shape", f"{color}", f"a photo of a {color} circle", "a shape", f"{color} square", f"very {color}"]


def karpathy(filepath):
    """As dataset_coco.json is, with images of other splits among those to be read."""
    images = [{**({"filepath": filepath} if filepath else {}), "filename": f"{number}.jpg", "imgid": number,
               "split": "test", "sentences": [{"raw": text, "tokens": text.split()} for text in captions_of(color)]}
              for number, color in enumerate(COLORS, 1)]
    return {"images": [{**images[0], "split": "train", "filename": "none.jpg"}, *images,
                       {**images[0], "split": "restval", "filename": "none.jpg"}], "dataset": "coco"}


def as_lists(prefix=""):
    return [{"image": f"{prefix}{number}.jpg", "caption": captions_of(color)} for number, color in enumerate(COLORS, 1)]


def evaluated(run, demo_model, *arguments):
    result = run("evaluate", "retrieval", "-m", demo_model, *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_every_layout_gives_the_same_images_and_captions(run, tmp_path, demo_model, set_of_colors):
    """5 captions of 6 images by each of the ways that data sets have; so the recall is the same to the last digit."""
    set_of_colors("val2014")
    shutil.copytree(tmp_path / "val2014", tmp_path / "images")
    (tmp_path / "coco.json").write_text(json.dumps(karpathy("val2014")))
    (tmp_path / "flickr.json").write_text(json.dumps(karpathy(None)))
    (tmp_path / "list.json").write_text(json.dumps(as_lists("val2014/")))
    write_lines(tmp_path / "lines.jsonl", as_lists())
    write_lines(tmp_path / "single.jsonl", [{"image": f"val2014/{entry['image']}", "caption": caption}
                                            for entry in as_lists() for caption in entry["caption"][:5]])
    answers = [evaluated(run, demo_model, *arguments) for arguments in (
        ["coco.json", "--layout", "coco"],
        ["flickr.json", "--layout", "flickr", "--root", "val2014"],
        ["list.json", "--layout", "coco"],
        ["lines.jsonl", "--layout", "flickr", "--root", "images"],
        ["lines.jsonl", "--root", "images", "--captions-per-image", "5"],
        ["single.jsonl"])]
    assert (answers[0]["images"], answers[0]["texts"]) == (6, 30)
    assert all(answer == answers[0] for answer in answers)
    assert evaluated(run, demo_model, "lines.jsonl", "--root", "images")["texts"] == 36


def test_layouts_of_one_caption_an_image_agree(run, tmp_path, demo_model, set_of_colors):
    set_of_colors("image")
    shutil.copytree(tmp_path / "image", tmp_path / "images")
    (tmp_path / "caption").mkdir()
    for number, color in enumerate(COLORS, 1):
        (tmp_path / "caption" / f"{number}.txt").write_text(f"a {color} shape\nand what nobody reads")
    (tmp_path / "caption" / "notes.md").write_text("no caption")
    write_lines(tmp_path / "docci.jsonlines", [
        {"image_file": f"{number}.jpg" if split == "test" else "none.jpg", "split": split, "description": f"a {color} shape"}
        for split in ("train", "test", "qual_dev") for number, color in enumerate(COLORS, 1)])
    turns = [{"id": color, "image": f"image/{number}.jpg", "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": f"a {color} shape"}]}
        for number, color in enumerate(COLORS, 1)]
    (tmp_path / "sharegpt4v.json").write_text(json.dumps(turns))
    write_lines(tmp_path / "pairs.jsonl", [{"image": f"image/{number}.jpg", "caption": f"a {color} shape"}
                                           for number, color in enumerate(COLORS, 1)])
    answers = [evaluated(run, demo_model, *arguments) for arguments in (
        ["pairs.jsonl"], [".", "--layout", "urban1k"], ["docci.jsonlines", "--layout", "docci"],
        ["sharegpt4v.json", "--layout", "sharegpt4v"])]
    assert (answers[0]["images"], answers[0]["texts"]) == (6, 6)
    assert all(answer == answers[0] for answer in answers)


def test_sharegpt4v_ends_after_a_thousand(run, tmp_path, set_of_colors):
    """The file has 1.2 million images in 1.5 GB, and what comes behind is not looked at."""
    turns = [{"image": f"{i}.jpg", "conversations": [{"value": "?"}, {"value": f"text {i}"}]} for i in range(1000)]
    (tmp_path / "long.json").write_text(json.dumps(turns)[:-1] + ", what is no JSON")
    np.save(tmp_path / "images.npy", np.eye(1000, dtype=np.float32))
    write_rows(tmp_path / "rows.npy", np.eye(1000, dtype=np.float32), [f"{i}.jpg" for i in range(1000)])
    write_rows(tmp_path / "texts.npy", np.eye(1000, dtype=np.float32), [f"text {i}" for i in range(1000)])
    answer = json.loads(run("evaluate", "retrieval", "--layout", "sharegpt4v", "--images", "rows.npy", "--texts",
                            "texts.npy", "--pairs", "long.json", "--json").out)
    assert answer["text_to_image"]["queries"] == 1000


def test_rows_that_were_embedded_before_give_what_the_model_gives(run, tmp_path, demo_model, set_of_colors):
    set_of_colors("images")
    write_lines(tmp_path / "pairs.jsonl", as_lists("images/"))
    write_lines(tmp_path / "texts.jsonl", [{"text": text} for entry in as_lists() for text in entry["caption"]])
    assert run("embed-image", "-m", demo_model, "-r", "images", "-o", "rows.npy").code == 0
    assert run("embed-text", "-m", demo_model, "-f", "texts.jsonl", "--jsonl", "-o", "texts.safetensors").code == 0
    rows = json.loads(run("evaluate", "retrieval", "--images", "rows.npy", "--texts", "texts.safetensors", "--pairs",
                          "pairs.jsonl", "--json").out)
    model = evaluated(run, demo_model, "pairs.jsonl")
    assert rows["image_to_text"] == model["image_to_text"]
    assert rows["text_to_image"] == model["text_to_image"]
    assert rows["vision"]["vision_sha256"] == model["vision"]["vision_sha256"]
    assert rows["text"]["text_sha256"] == model["text"]["text_sha256"]


def test_the_table_has_percent_as_papers_do(run, tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(7, dtype=np.float32))
    write_lines(tmp_path / "pairs.jsonl", [{"image": i, "caption": i if i else 1} for i in range(7)])
    result = run("evaluate", "retrieval", "--images", "rows.npy", "--texts", "rows.npy", "--pairs", "pairs.jsonl")
    assert result.out == ("direction      queries    R@1    R@5   R@10  median rank\n"
                          "image to text        7   85.7   85.7  100.0            1\n"
                          "text to image        6  100.0  100.0  100.0            1\n")


def test_an_image_that_cannot_be_read_ends_it_or_is_left_out_with_its_captions(run, tmp_path, demo_model, set_of_colors):
    set_of_colors("images")
    (tmp_path / "images" / "3.jpg").write_bytes(b"no image")
    write_lines(tmp_path / "pairs.jsonl", as_lists("images/"))
    command = ["evaluate", "retrieval", "-m", demo_model, "pairs.jsonl", "--json"]
    assert_refused(run(*command), 4, "images/3.jpg")
    result = run(*command, "--on-error", "skip")
    assert result.code == 3
    assert "images/3.jpg" in result.err and "1 failed and did not take part" in result.err
    answer = json.loads(result.out)
    assert (answer["images"], answer["texts"], answer["failed"]) == (5, 30, 1)


@pytest.mark.parametrize("name, content, layout, words", [
    ("x.jsonl", "{\"image\": \"a\"}", "pairs", 'x.jsonl:1: has no string under "caption"'),
    ("x.jsonl", "\n[1]\n", "pairs", "x.jsonl:2: a JSON object is expected"),
    ("x.jsonl", "{\"image\": 1.5, \"caption\": \"a\"}", "pairs", 'x.jsonl:1: has no string under "image"'),
    ("x.jsonl", "{\"image\": \"a\", \"caption\": []}", "pairs", "x.jsonl:1: has no caption"),
    ("x.jsonl", "{\"image\": \"a\", \"caption\": [{}]}", "pairs", "something else than strings"),
    ("x.jsonl", "", "pairs", "x.jsonl: has no image of the layout pairs"),
    ("x.json", "[{\"image\":", "coco", "x.json: is not JSON: byte 11"),
    ("x.json", "{\"annotations\": [{}]}", "coco", "x.json: has no list of images"),
    ("x.json", "[" * 100, "coco", "x.json: has more than 64 levels"),
    ("x.json", "{\"images\": [{\"filename\": \"a\", \"split\": \"test\"}]}", "flickr", "image 1: has no list under"),
    ("x.json", "[{\"image\": \"a\", \"conversations\": [{}]}]", "sharegpt4v", "conversations[1].value"),
    ("x.jsonlines", "{\"split\": \"train\"}", "docci", "has no image of the layout docci"),
    ("x.txt", "", "urban1k", "caption/1.txt"),
])
def test_a_data_set_that_is_none_is_named_with_its_place(run, tmp_path, demo_model, name, content, layout, words):
    (tmp_path / name).write_text(content)
    assert_refused(run("evaluate", "retrieval", "-m", demo_model, name, "--layout", layout), 4, words)


def test_rows_that_do_not_fit_are_named(run, tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(2, dtype=np.float32))
    np.save(tmp_path / "wide.npy", np.eye(3, dtype=np.float32))
    write_lines(tmp_path / "pairs.jsonl", [{"image": 0, "caption": 1}])
    write_lines(tmp_path / "other.jsonl", [{"image": 0, "caption": "nobody"}])

    def command(images, texts, pairs):
        return run("evaluate", "retrieval", "--images", images, "--texts", texts, "--pairs", pairs)

    assert_refused(command("rows.npy", "rows.npy", "other.jsonl"), 4, 'other.jsonl:1: rows.npy has no row with the id "nobody"')
    assert_refused(command("rows.npy", "wide.npy", "pairs.jsonl"), 2, "2 components against 3")
    assert_refused(command("none.npy", "rows.npy", "pairs.jsonl"), 4, "none.npy")
    assert_refused(command("rows.csv", "rows.npy", "pairs.jsonl"), 2, "rows.csv", ".npy and .safetensors")


def test_what_is_not_given_is_asked_for(run):
    assert_refused(run("evaluate"), 2, "llm2clip evaluate --help")
    assert_refused(run("evaluate", "retrieval"), 2, "data: none")
    assert_refused(run("evaluate", "retrieval", "x.jsonl"), 2, "--model")
    assert_refused(run("evaluate", "retrieval", "--images", "x.npy"), 2, "llm2clip evaluate retrieval --help")
    assert_refused(run("evaluate", "retrieval", "x.jsonl", "--images", "x", "--texts", "x", "--pairs", "x"), 2, "excludes")
    assert_refused(run("evaluate", "retrieval", "--frobnicate"), 2, "--frobnicate: unknown flag; see llm2clip evaluate retrieval")
    assert_refused(run("evaluate", "zero-shot", "-m", "x"), 2, "folder is required")


@pytest.fixture
def folders(tmp_path):
    """Folders of images of one color each; of one label there are more, so that the means differ."""
    for number, color in enumerate(COLORS):
        (tmp_path / "colors" / color / "more").mkdir(parents=True)
        for i in range(2 + number):
            Image.new("RGB", (40 + 3 * i, 30), color).save(tmp_path / "colors" / color / ("more" if i else "") / f"{i}.png")
    (tmp_path / "colors" / "notes.txt").write_text("no label")
    return tmp_path / "colors"


def zero_shot(scores, truth, count):
    """Accuracy by sorting, over images and over labels."""
    ranks = np.array([1 + sum(row[j] >= row[right] for j in range(count) if j != right) for row, right in zip(scores, truth)])
    each = [[float(np.mean(ranks[np.array(truth) == label] <= k)) for k in (1, 5)] for label in range(count)]
    return {"top_1": np.mean(ranks <= 1), "top_5": np.mean(ranks <= 5), "mean_top_1": np.mean([one for one, _ in each]),
            "mean_top_5": np.mean([five for _, five in each])}, each


def test_accuracy_is_numpys_on_the_rows_of_the_program(run, tmp_path, demo_model, folders):
    (tmp_path / "templates.txt").write_text("a {} shape\na photo of a {} circle\n")
    result = run("evaluate", "zero-shot", "-m", demo_model, "colors", "--templates", "templates.txt", "--json")
    assert (result.code, result.err) == (0, "")
    answer = json.loads(result.out)
    assert run("embed-image", "-m", demo_model, "-r", "colors", "-o", "rows.npy").code == 0
    ids = [json.loads(line)["id"] for line in (tmp_path / "rows.npy.ids.jsonl").read_text().splitlines()]
    labels = sorted(COLORS)
    truth = [labels.index(name.split("/")[1]) for name in ids]
    texts = [template.format(label) for label in labels for template in ("a {} shape", "a photo of a {} circle")]
    assert run("embed-text", "-m", demo_model, *(word for text in texts for word in ("-t", text)), "-o", "texts.npy").code == 0
    means = np.load(tmp_path / "texts.npy").reshape(len(labels), 2, -1).mean(1)
    expected, each = zero_shot(np.load(tmp_path / "rows.npy") @ unit(means).T, truth, len(labels))
    assert {name: answer[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert [[entry["top_1"], entry["top_5"]] for entry in answer["labels"]] == each
    assert [(entry["label"], entry["folder"]) for entry in answer["labels"]] == [(label, label) for label in labels]
    assert answer["images"] == len(ids) == sum(entry["images"] for entry in answer["labels"])
    assert expected["top_1"] != expected["mean_top_1"], "the labels must differ for this to show anything"


def test_labels_of_folders_come_from_a_file(run, tmp_path, demo_model, folders):
    (tmp_path / "order.txt").write_text("".join(f"{color} shape\n" for color in sorted(COLORS)))
    (tmp_path / "named.txt").write_text("".join(f"{color}\t{color} shape\n" for color in [*COLORS, "purple"]))
    command = ["evaluate", "zero-shot", "-m", demo_model, "colors"]
    plain, ordered, named = (run(*command, *labels, "--json") for labels in (
        ["--template", "{} shape"], ["--labels", "order.txt"], ["--labels", "named.txt"]))
    first = json.loads(plain.out)
    for result in (ordered, named):
        answer = json.loads(result.out)
        assert [entry["label"] for entry in answer["labels"]] == [f"{color} shape" for color in sorted(COLORS)]
        assert {key: answer[key] for key in ("top_1", "top_5")} == {key: first[key] for key in ("top_1", "top_5")}
    (tmp_path / "short.txt").write_text("red\n")
    assert_refused(run(*command, "--labels", "short.txt"), 4, "short.txt: 1 labels for the 6 folders of colors")
    (tmp_path / "other.txt").write_text("red\ta\n")
    assert_refused(run(*command, "--labels", "other.txt"), 4, "--labels has no line for this folder")


def test_the_table_of_accuracies_ends_in_the_means(run, demo_model, folders):
    lines = run("evaluate", "zero-shot", "-m", demo_model, "colors").lines
    assert lines[0].split() == ["label", "images", "top-1", "top-5"]
    assert [line.split()[0] for line in lines[1:7]] == sorted(COLORS)
    assert lines[7].startswith("mean of labels") and lines[8].startswith("all images")
    assert lines[8].split()[2] == "27"


def test_folders_that_are_none_are_named(run, tmp_path, demo_model, folders):
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "red").mkdir(parents=True)
    command = ["evaluate", "zero-shot", "-m", demo_model]
    assert_refused(run(*command, "nowhere"), 4, "nowhere: cannot be listed")
    assert_refused(run(*command, "empty"), 4, "empty: has no folders")
    assert_refused(run(*command, "hollow"), 4, "hollow: has no image")
    (folders / "red" / "bad.png").write_bytes(b"no image")
    assert_refused(run(*command, "colors"), 4, "colors/red/bad.png")
    result = run(*command, "colors", "--on-error", "skip")
    assert result.code == 3 and "1 failed" in result.err


def test_the_page_for_users_names_every_layout():
    page = (ROOT / "docs" / "how_to" / "evaluate.md").read_text()
    for layout in ("coco", "flickr", "sharegpt4v", "urban1k", "docci"):
        assert f"--layout {layout}" in page or f"`{layout}`" in page
