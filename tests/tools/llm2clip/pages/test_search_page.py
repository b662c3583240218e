"""The page of `search --html`: that it is whole in one file, and what a browser makes of it."""

import base64
import hashlib
import os
import re
import shutil
from html.parser import HTMLParser

import pytest
from PIL import Image

import chromium
from cli_support import assert_refused

COLORS = ["red", "green", "blue", "white", "black", "yellow", "purple", "orange", "gray"]
HOSTILE = "x\"'><img src=x onerror=window.hacked=1><script>window.hacked=2<&#47;script>\u202egnp.png"
in_chromium = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="no Chromium: apt-get install chromium (scripts/setup --test)"
)


@pytest.fixture
def search(run, demo_model, tmp_path):
    """search('a red square', 'page.html'): the page of what is found among images of plain colors."""
    (tmp_path / "my photos/more").mkdir(parents=True)
    for at, color in enumerate(COLORS):
        Image.new("RGB", (300, 200) if at % 2 else (40, 60), color).save(tmp_path / f"my photos/more/{color}.png")

    def call(*arguments, **environment):
        indexed = run("index", "-q", "-m", demo_model, "my photos", "-x", "a.index")
        assert indexed.code == 0, indexed.err
        return run("search", "-m", demo_model, "-x", "a.index", "--top-k", "0", *arguments, **environment)

    return call


class Parts(HTMLParser):
    """The elements of a page, and the text of its style and script."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.inside = [], {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(path):
    return Parts(path.read_text(encoding="utf-8"))


def test_a_page_is_one_file_that_names_no_other(search, tmp_path):
    result = search("a red square", "--html", "page.html")
    assert result.code == 0 and "my photos/more/red.png" in result.out
    page = page_of(tmp_path / "page.html")
    assert len(page.of("img")) == len(page.of("a")) == len(COLORS)
    assert all(image["src"].startswith("data:image/jpeg;base64,") and image["alt"] for image in page.of("img"))
    assert page.of("link") == [] and not any("src" in script for script in page.of("script"))
    assert "url(" not in page.texts["style"] and "import" not in page.texts["style"]
    assert page.of("a")[0]["href"].startswith("file:///") and "my%20photos/more/" in page.of("a")[0]["href"]


def test_the_page_allows_its_own_style_and_script_and_nothing_else(search, tmp_path):
    search("a red square", "--html", "page.html")
    text = (tmp_path / "page.html").read_text()
    (policy,) = [meta["content"] for meta in page_of(tmp_path / "page.html").of("meta") if "http-equiv" in meta]

    def hash_of(tag):
        content = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"

    assert policy == (f"default-src 'none'; img-src data:; style-src {hash_of('style')}; script-src {hash_of('script')}; "
                      "base-uri 'none'; form-action 'none'"), "search_page_parts.h"  # fmt: skip


def test_thumbnails_have_256_pixels_at_most_and_are_upright(search, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (900, 600)).save(tmp_path / "my photos/turned.jpg", exif=exif)
    search("a red square", "--html", "page.html")
    sizes = {(image["alt"], image["width"], image["height"]) for image in page_of(tmp_path / "page.html").of("img")}
    assert ("Image turned.jpg", "171", "256") in sizes
    assert ("Image green.png", "256", "171") in sizes
    assert ("Image red.png", "40", "60") in sizes


def test_what_has_gone_is_on_the_page_with_the_reason(search, run, demo_model, tmp_path):
    search("a")
    (tmp_path / "my photos/more/red.png").unlink()
    result = run("search", "-m", demo_model, "-x", "a.index", "a red square", "--html", "page.html")
    assert result.code == 0
    assert "No picture: my photos/more/red.png: cannot be opened" in page_of(tmp_path / "page.html").texts["span"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg writes the film: scripts/setup --test")
def test_frames_of_films_are_shown_with_their_time(run, demo_model, tmp_path):
    os.system(f"ffmpeg -v error -f lavfi -i testsrc=duration=3 '{tmp_path}/a.mp4'")
    indexed = run("index", "-q", "-m", demo_model, "--every", "1500ms", "a.mp4", "-x", "a.index")
    assert indexed.code == 0, indexed.err
    assert run("search", "-m", demo_model, "-x", "a.index", "a", "--html", "page.html").code == 0
    page = page_of(tmp_path / "page.html")
    assert {image["alt"] for image in page.of("img")} == {"Frame of a.mp4 at 0:00", "Frame of a.mp4 at 0:01.5"}
    assert {link["href"] for link in page.of("a")} == {f"file://{tmp_path}/a.mp4#t=0.0", f"file://{tmp_path}/a.mp4#t=1.5"}


def test_queries_of_a_file_are_on_one_page(search, tmp_path):
    (tmp_path / "queries.txt").write_text("a red square\na <b>blue</b> one\n")
    assert search("-f", "queries.txt", "--jsonl", "--html", "page.html").code == 0
    page = page_of(tmp_path / "page.html")
    assert len(page.of("h2")) == 2 and len(page.of("a")) == 2 * len(COLORS) and page.of("b") == []


def test_a_page_overwrites_nothing_that_is_read(search, tmp_path):
    search("a")
    assert_refused(search("a", "--html", "a.index/index.json"), 2, "--html", "the index")
    (tmp_path / "q.txt").write_text("a\n")
    assert_refused(search("-f", "q.txt", "--html", "q.txt"), 2, "--html")
    assert_refused(search("a", "--html", "none/page.html"), 6, "none/page.html")
    assert_refused(search("a", "--open"), 2, "--html")


def test_the_page_is_opened_with_the_programs_of_the_desktop(search, tmp_path):
    (tmp_path / "bin").mkdir()
    opener = tmp_path / "bin/xdg-open"
    opener.write_text(f"#!/bin/sh\necho \"$1\" > {tmp_path}/opened\n")
    opener.chmod(0o755)
    assert search("a", "--html", "page.html", "--open", PATH=f"{tmp_path}/bin:{os.environ['PATH']}").code == 0
    assert (tmp_path / "opened").read_text().strip() == str(tmp_path / "page.html")
    opener.write_text("#!/bin/sh\nexit 3\n")
    result = search("a", "-q", "--html", "page.html", "--open", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert result.code == 7 and "page.html: xdg-open shows no browser" in result.err


@pytest.fixture
def browser(search, tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "my photos" / HOSTILE)
    assert search("a red <script>window.hacked=3</script> square", "--html", "page.html").code == 0
    with chromium.Chromium() as browser:
        browser.open(tmp_path / "page.html")
        yield browser


@in_chromium
def test_a_browser_shows_every_image_and_runs_nothing_of_a_name(browser, tmp_path):
    assert browser.value("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert browser.value("document.images.length") == len(COLORS) + 1
    assert browser.value("window.hacked === undefined")
    assert browser.value("[...document.querySelectorAll('.name')].some(name => name.textContent.includes('onerror'))")
    assert browser.named("Log.entryAdded") == [] and browser.named("Runtime.exceptionThrown") == []
    asked = {request["request"]["url"] for request in browser.named("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith("data:image/jpeg")} == {(tmp_path / "page.html").as_uri()}


@in_chromium
def test_arrow_keys_go_from_image_to_image_and_enter_opens_one(browser, tmp_path):
    at = "[...document.querySelectorAll('li a')].indexOf(document.activeElement)"
    columns = browser.value(
        "[...document.querySelectorAll('li a')].filter((a, i, all) => a.offsetTop === all[0].offsetTop).length"
    )
    assert 3 <= columns < len(COLORS)
    seen = [browser.value(at)]
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "End", "ArrowRight", "Home", "ArrowUp"):
        browser.press(key)
        seen.append(browser.value(at))
    last = len(COLORS)
    assert seen == [-1, 0, 1, 1 + columns, columns, 0, last, last, 0, 0]
    assert browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    address = browser.value("document.activeElement.href")
    browser.press("Enter")
    for _ in range(200):
        if browser.value("location.href") == address:
            break
    assert browser.value("location.href") == address


@in_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_on_light_and_dark_screens(browser, scheme):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    contrast = """(selector => {
      const light = color => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map(v => v / 255)
          .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const element = document.querySelector(selector);
      let ground = element;
      while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
      const [a, b] = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    })"""
    for selector in ("h1", ".count", ".name", ".score", ".folder"):
        assert browser.value(f"{contrast}({selector!r})") >= 4.5, selector
    dark = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 100")
    assert dark == (scheme == "dark")


@in_chromium
def test_a_screen_reader_hears_names_and_scores(browser):
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    links = [node["name"]["value"] for node in nodes if node["role"]["value"] == "link"]
    assert len(links) == len(COLORS) + 1
    assert any(re.fullmatch(r"Image red\.png score -?0\.\d{4} my photos/more", name) for name in links), links
    assert [node for node in nodes if node["role"]["value"] == "heading"]


@in_chromium
def test_the_page_works_without_javascript(browser, tmp_path):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(tmp_path / "page.html")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    assert sum(node["role"]["value"] == "link" for node in nodes) == len(COLORS) + 1
    assert not any("go from image to image" in str(node.get("name")) for node in nodes)
