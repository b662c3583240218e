#!/usr/bin/env python3
"""Doxygen's input filter: prints one page or header the way Doxygen 1.9 needs it.

    scripts/docs_filter.py FILE

Pages stay plain Markdown that any forge shows. Here every heading gets the anchor a forge would
give it, and every link between pages becomes one between the files of the site. Links that leave
the site (to sources) keep their words and lose their target. C headers stay plain C: their
comments become comments that Doxygen reads. Headers are announced as files worth a page.
"""

import re
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^\s*```")
HEADING = re.compile(r"^(#{1,6}) (.+?)\s*$")
# R@K is a word, and no command of Doxygen; in code of a line it is left alone.
AT = re.compile(r"(`[^`]*`)|(?<=\w)@(?=\w)")
LINK = re.compile(r"(!?)\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^()\s]+)\)")


def slug(heading: str) -> str:
    """The anchor that forges give a heading: lower case, spaces to hyphens, no punctuation."""
    words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def is_page(path: PurePosixPath) -> bool:
    """Whether `path`, relative to the root, is part of the site (INPUT in docs/Doxyfile)."""
    in_root = str(path) in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "models/README.md")
    return in_root or (path.parts[0] == "docs" and path.suffix == ".md")


def page_id(path: PurePosixPath) -> str:
    """docs/cli.md is cli.html, models/README.md is models_readme.html, and docs/README.md is the entry."""
    if str(path) == "docs/README.md":
        return "index"
    return f"{path.parent.name}_readme" if path.name == "README.md" else path.stem.lower()


def anchor(page: str, heading_slug: str) -> str:
    """Doxygen's anchors are of the whole site and ASCII; a page's own stand behind its name."""
    return f"{page}_{heading_slug}".encode("ascii", "ignore").decode()


def site_link(target: str, path: PurePosixPath) -> str | None:
    """Where `target`, written in the page `path`, is in the site; None when it is not there."""
    if re.match(r"[a-z]+:", target):
        return target
    file, _, heading = target.partition("#")
    there = (ROOT / path.parent / file).resolve().relative_to(ROOT) if file else path
    there = PurePosixPath(there)
    if there.suffix == ".svg":
        return there.name
    if not is_page(there):
        return None
    page = page_id(there)
    return f"{page}.html" + (f"#{anchor(page, heading)}" if heading else "")


def with_site_links(line: str, path: PurePosixPath) -> str:
    def link(found: re.Match) -> str:
        bang, words, target = found.groups()
        there = site_link(target, path)
        return words if there is None else f"{bang}[{words}]({there})"

    return LINK.sub(link, line)


def filtered_page(text: str, path: PurePosixPath) -> str:
    page = page_id(path)
    lines = []
    in_code = False
    titled = False
    for line in text.splitlines():
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code and (heading := HEADING.match(line)):
            name = anchor(page, slug(heading[2])) if titled else page
            line = f"{heading[1]} {heading[2]} {{#{'mainpage' if name == 'index' else name}}}"
            titled = True
        elif not in_code:
            line = AT.sub(lambda found: found[1] or "\\@", with_site_links(line, path))
        lines.append(line)
    return "\n".join(lines) + "\n"


def filtered_c_header(text: str) -> str:
    """Comments behind a declaration, before one, and the first one, which is the file's.

    What the first comment says of every handle and every struct is repeated where it is left out.
    """
    text = re.sub(r"<(?=\w+>)", r"\\<", text)
    text = re.sub(r"^(\s*[^\s/*].*?)/\* ", r"\1/**< ", text, flags=re.M)
    text = re.sub(r"^(\s*)/\*(?= (?!----)|$)", r"\1/**", text, flags=re.M)
    text = re.sub(r"(?<=[;}]\n)(LLM2CLIP_C_API \w+ \w+_free\()", r"/** Ends the handle. NULL: nothing. */ \1", text)
    text = re.sub(r"(size_t struct_size;)$", r"\1 /**< sizeof the struct */", text, flags=re.M)
    return re.sub(r"/\*\*(?!<)", "/** @file", text, count=1)


def main() -> None:
    path = PurePosixPath(Path(sys.argv[1]).resolve().relative_to(ROOT))
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".md":
        text = filtered_page(text, path)
    elif path.parent.name == "c":
        text = filtered_c_header(text)
    else:  # on the line that is there, so that lines keep their numbers
        text = "/** @file */ " + text
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
