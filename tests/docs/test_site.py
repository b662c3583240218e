"""The documentation site builds without a warning, has everything in it, and no link leads nowhere."""

import html.parser
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from doc_blocks import ROOT, pages, prose, text_of

sys.path.insert(0, str(ROOT / "scripts"))
import docs_filter
import make_architecture_image

SITE = ROOT / "build" / "docs" / "html"
# But for what the command line shares with the library, which is no part of the interface.
PUBLIC_HEADERS = [path for path in sorted((ROOT / "include" / "llm2clip").rglob("*.h")) if path.parent.name != "detail"]


@pytest.fixture(scope="session")
def site():
    done = subprocess.run([ROOT / "scripts" / "docs"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return SITE


class Page(html.parser.HTMLParser):
    """The ids of a built page, and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value or "")
            elif name in ("href", "src", "data") and tag != "script":
                self.links.append(value or "")


def test_no_link_of_the_built_site_leads_nowhere(site):
    built = {path.name: Page(path) for path in site.glob("*.html")}
    assert len(built) > 40
    broken = []
    for name, page in built.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link) or not link:
                continue
            missing = file and not (site / file).exists()
            if missing or (anchor and (file or name).endswith(".html") and anchor not in built[file or name].ids):
                broken.append(f"{name}: {link}")
    assert not broken


def test_every_page_is_in_the_site(site):
    for page in pages():
        path = PurePosixPath(page)
        if docs_filter.is_page(path):
            assert (site / f"{docs_filter.page_id(path)}.html").exists(), page
    names = [docs_filter.page_id(PurePosixPath(page)) for page in pages() if docs_filter.is_page(PurePosixPath(page))]
    assert len(names) == len(set(names)), "two pages of one name: their files in the site would be one"


@pytest.fixture(scope="session")
def described(site):
    """Every type, function and constant that has a section or a page of its own."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in site.glob("*.html"))
    members = re.findall(r'class="memtitle">.*?</a></span>(?:llm2clip::)?(\w+)', text)
    types = re.findall(r'<div class="title">(?:llm2clip::)?(\w+) (?:Class|Struct) ', text)
    return {*members, *types}


@pytest.mark.parametrize("header", PUBLIC_HEADERS, ids=lambda path: path.name)
def test_every_public_type_and_function_has_words_in_the_site(described, header):
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", header.read_text(encoding="utf-8"), flags=re.S)
    types = re.findall(r"^(?:class|struct|enum class) (?:LLM2CLIP_\w+ )?(\w+)(?: final)?(?: : [^{;]*)? \{", code, flags=re.M)
    functions = re.findall(r"^(?:LLM2CLIP_\w+ )?(?:[\w:<>]+[ *&]+)+(\w+)\([^;]*;", code, flags=re.M)
    assert not {*types, *functions} - described


def anchors(page: Path) -> set[str]:
    return {docs_filter.slug(heading) for heading in re.findall(r"^#{1,6} (.+?)\s*$", prose(text_of(page)), flags=re.M)}


@pytest.mark.parametrize("page", pages(), ids=str)
def test_relative_links_and_anchors_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^()\s]+)\)", prose(text_of(page))):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        file, _, anchor = target.partition("#")
        there = (ROOT / page.parent / file).resolve() if file else ROOT / page
        assert there.is_relative_to(ROOT) and there.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(there.relative_to(ROOT)), f"{page}: {target}"


def test_every_page_is_in_the_table_of_the_entry_page():
    entry = text_of(Path("docs/README.md"))
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^()\s#]+)\)", entry)}
    missing = {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")
               if path.resolve() not in linked and path.name != "README.md"}
    assert not missing


@pytest.mark.parametrize("page", pages(), ids=str)
def test_files_that_a_page_names_in_code_are_there(page):
    roots = "include|src|tools|tests|docs|scripts|cmake"
    for name in re.findall(rf"`((?:{roots})/[\w./-]*\w/?)`", prose(text_of(page))):
        assert (ROOT / name).exists(), f"{page}: {name}"


def test_the_drawing_of_the_architecture_names_files_that_are_there():
    drawing = make_architecture_image.DRAWING.read_text(encoding="utf-8")
    assert drawing == make_architecture_image.drawing()
    files = re.findall(r'class="file"[^>]*>([^<]+)<', drawing)
    assert len(files) > 15
    assert not [file for file in files if not (ROOT / "src" / file).is_file()]


def test_every_named_note_is_in_the_list_with_its_file():
    page = text_of(Path("docs/architecture.md"))
    sources = [path for folder in ("src", "include", "tools") for path in (ROOT / folder).rglob("*")
               if path.suffix in {".h", ".cpp", ".py"} and "tests" not in path.parts]
    notes = {(name, str(path.relative_to(ROOT))) for path in sources
             for name in re.findall(r"Note \[([^\]\n]+)\]: ", path.read_text(encoding="utf-8"))}
    assert len(notes) > 15
    listed = {(row[0], file) for row in re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", page, flags=re.M)
              for file in row[1].replace("`", "").split(", ")}
    assert not notes - listed


def test_the_citation_is_of_this_version():
    project = re.search(r"project\(llm2clip VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert f"\nversion: {project}\n" in (ROOT / "CITATION.cff").read_text()
