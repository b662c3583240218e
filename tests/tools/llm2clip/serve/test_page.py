"""The page at /: what the server makes of it, and what a browser does with that."""

import base64
import json
import pathlib
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from PIL import Image

import chromium
from cli_support import ROOT
from server import Server, data_uri

KEY = "0123456789abcdef"
HOSTILE = "x\"'><img src=x onerror=window.hacked=1><script>window.hacked=2<&#47;script>\u202egnp.png"
AXE = next(iter(ROOT.glob(".venv-clients/lib/*/site-packages/axe_playwright_python/axe.min.js")), None)
in_chromium = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="no Chromium: apt-get install chromium (scripts/setup --test)"
)


def draw(folder):
    """40 images of the shapes that the demo model knows, some whose names are markup or are turned; what each shows."""
    script = ROOT / "models/demo_source/draw_demo_images.py"
    subprocess.run([sys.executable, script, folder, "--count", "40", "--seed", "5"], check=True, stdout=subprocess.DEVNULL)
    (first, *_) = sorted(folder.glob("*.jpg"))
    (folder / HOSTILE).write_bytes(first.read_bytes())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (900, 600), "white").save(folder / "turned.jpg", exif=exif)


@pytest.fixture(scope="module")
def folder(binary, demo_model, tmp_path_factory):
    """Two indexes of the same images: `kept` has thumbnails, `plain` has none."""
    folder = tmp_path_factory.mktemp("page")
    draw(folder / "shapes")
    for name, flags in (("kept", ["--thumbnails"]), ("plain", [])):
        subprocess.run([binary, "index", "-q", "-m", demo_model, "shapes", "-x", f"{name}.index", *flags], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def page(binary, demo_model, folder):
    with Server(binary, demo_model, "-x", "kept.index", "-x", "plain.index", cwd=folder) as server:
        yield server


class Parts(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def get(server, path, **fields):
    status, headers, body = server.request("GET", path, headers=fields)
    return status, headers, body.decode()


def names_on(html):
    """Of the images that were found, in their order."""
    return [image["alt"].removeprefix("Image ") for image in Parts(html).of("img")]


def names_of_command(binary, model, folder, query, count):
    done = subprocess.run([binary, "search", "-m", model, "-x", "kept.index", query, "--json", "--top-k", str(count)],
                          cwd=folder, check=True, capture_output=True)  # fmt: skip
    return [pathlib.Path(hit["id"]).name for hit in json.loads(done.stdout)[0]["results"]]


def test_without_javascript_a_form_searches_and_links_find_more(page, binary, demo_model, folder):
    status, headers, html = get(page, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    (form,) = Parts(html).of("form")
    assert (form["action"], form["method"], Parts(html).of("input")[0]["name"]) == ("/", "get", "q")
    _, _, html = get(page, "/?q=a+purple+circle&index=plain")
    assert names_on(html) == names_of_command(binary, demo_model, folder, "a purple circle", 48)
    like = Parts(html).of("a")[3]["href"]
    status, _, more = get(page, like)
    assert status == 200 and f"Like {names_on(html)[3]}" in Parts(more).text
    assert names_on(html)[3] not in names_on(more) and len(names_on(more)) == 41


def test_more_is_a_link_for_as_long_as_there_is_more(page):
    _, _, html = get(page, "/?q=a&count=5")
    assert len(names_on(html)) == 5
    more = Parts(html).of("a")[-1]["href"]
    _, _, html = get(page, more)
    assert len(names_on(html)) == 10
    assert "Show more" not in get(page, "/?q=a&count=100")[2]


def test_names_and_queries_are_text_whatever_is_in_them(page):
    _, _, html = get(page, "/?q=%3Cscript%3Ewindow.hacked%3D3%3C%2Fscript%3E%22onfocus%3D%22x")
    parts = Parts(html)
    assert all(script.get("src") == "/page/script.js" for script in parts.of("script"))
    assert not any("onerror" in attributes for _, attributes in parts.tags)
    assert parts.of("input")[0]["value"] == '<script>window.hacked=3</script>"onfocus="x'
    assert HOSTILE.replace("\n", "") in names_on(html)


@pytest.mark.parametrize("path, status, words", [
    ("/?q=%", 400, "must be escaped"), ("/?q=a&index=other", 400, "kept, plain"), ("/?like=100000", 400, "no such row"),
    ("/?like=x", 400, "number"), ("/?q=%FF", 400, "UTF-8"), ("/?q=" + "a" * 17000, 431, None)])  # fmt: skip
def test_what_is_wrong_is_said_on_a_page(page, path, status, words):
    got, headers, body = get(page, path)
    assert got == status
    if words:
        assert headers["Content-Type"].startswith("text/html") and words in Parts(body).text


def test_an_image_is_answered_with_a_page(page, folder):
    file = next((folder / "shapes").glob("image_007.*"))
    status, headers, body = page.request("POST", "/", {"image": data_uri(file.read_bytes()), "index": "kept"})
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert names_on(body.decode())[0] == file.name
    assert page.request("POST", "/", b"q=a", {"Content-Type": "application/x-www-form-urlencoded"})[0] == 415
    status, headers, body = page.request("POST", "/", {"image": "data:;base64,AAAA"})
    assert status == 400 and "JPEG" in Parts(body.decode()).text


@pytest.mark.parametrize("index", ["kept", "plain"])
def test_thumbnails_are_small_and_upright_and_go_by_row(page, index, tmp_path):
    _, _, html = get(page, f"/?q=a&index={index}")
    (turned,) = [image["src"] for image in Parts(html).of("img") if "turned" in image["alt"]]
    assert re.fullmatch(rf"/page/thumbnail\?index={index}&row=\d+", turned)
    status, headers, body = page.request("GET", turned)
    (tmp_path / "a.jpg").write_bytes(body)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(tmp_path / "a.jpg").size == (171, 256)


@pytest.mark.parametrize("query, status", [("index=kept&row=100000", 404), ("index=kept&row=shapes/turned.jpg", 400),
                                           ("index=../kept&row=0", 400), ("index=kept", 400), ("row=0", 400),
                                           ("index=kept&row=0&path=/etc/passwd", 200)])  # fmt: skip
def test_thumbnails_of_nothing_are_refused(page, query, status):
    assert page.request("GET", f"/page/thumbnail?{query}")[0] == status


def test_what_has_gone_has_no_thumbnail(binary, demo_model, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    Image.new("RGB", (20, 20)).save(tmp_path / "b.png")
    subprocess.run([binary, "index", "-q", "-m", demo_model, "a.png", "b.png", "-x", "a.index"], cwd=tmp_path, check=True)
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").write_bytes(b"root:x:0:0:root:/root:/bin/bash\n")
    with Server(binary, demo_model, "-x", "a.index", cwd=tmp_path) as server:
        for row in (0, 1):
            status, _, body = server.request("GET", f"/page/thumbnail?index=a&row={row}")
            assert status == 404 and b"root" not in body


def test_what_a_browser_gets_lets_nothing_else_in(page):
    for path in ("/", "/?q=a", "/?q=%", "/page/style.css", "/page/script.js", "/page/icon.svg", "/page/thumbnail?index=kept&row=0"):
        _, headers, _ = page.request("GET", path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy and headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not any(name.lower().startswith("access-control") for name in headers)
    _, _, html = get(page, "/?q=a")
    for tag, attributes in Parts(html).tags:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "action"):
            assert attributes.get(name, "/").startswith("/"), (tag, attributes)


@pytest.mark.parametrize("fields, status", [
    ({"Host": "evil.example"}, 403), ({"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, 403),
    ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200), ({"Host": "localhost"}, 200)])  # fmt: skip
def test_pages_of_other_sites_get_nothing(page, fields, status):
    for path in ("/?q=a", "/page/thumbnail?index=kept&row=0"):
        assert page.request("GET", path, headers=fields)[0] == status


def test_a_server_without_an_index_has_no_page(server):
    status, _, body = get(server, "/")
    assert status == 404 and "no such path" in Parts(body).text


def test_a_key_is_a_password_on_the_page(binary, demo_model, folder):
    (folder / "keys").write_text(KEY + "\n")
    with Server(binary, demo_model, "-x", "kept.index", "--api-key-file", "keys", cwd=folder) as server:
        status, headers, _ = server.request("GET", "/")
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")
        password = {"Authorization": "Basic " + base64.b64encode(f"me:{KEY}".encode()).decode()}
        for path in ("/?q=a", "/page/thumbnail?index=kept&row=0"):
            assert server.request("GET", path)[0] == 401
            assert server.request("GET", path, headers=password)[0] == 200
        assert server.request("GET", "/page/style.css")[0] == 200


@pytest.fixture(scope="module")
def started():
    with chromium.Chromium() as browser:
        yield browser


@pytest.fixture
def browser(started, page):
    started.call("Emulation.setScriptExecutionDisabled", value=False)
    started.call("Emulation.setEmulatedMedia", features=[])
    started.open(f"http://127.0.0.1:{page.port}/")
    return started


def search_for(browser, words):
    browser.value("document.getElementById('query').focus()")
    browser.value("document.getElementById('query').select()")
    browser.type(words)
    browser.loading(lambda: browser.press("Enter"))


def first_name(browser):
    return browser.value("document.querySelector('li .name').textContent")


ALL_SHOWN = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"


@in_chromium
def test_a_person_types_and_sees_the_right_image_and_more_like_it(browser, binary, demo_model, folder):
    search_for(browser, "a purple circle")
    assert browser.value("document.querySelector('h1').textContent") == browser.value("document.title") == "a purple circle"
    assert first_name(browser) == names_of_command(binary, demo_model, folder, "a purple circle", 1)[0]
    browser.wait("document.images[0].complete && document.images[0].naturalWidth > 0")
    name = first_name(browser)
    browser.loading(lambda: browser.value("document.querySelector('li a').click()"))
    assert browser.value("document.title") == f"Like {name}"
    assert browser.named("Log.entryAdded") == [] and browser.named("Runtime.exceptionThrown") == []


def shown_for_image(browser, act, name):
    """What `act` brings onto the page comes without another page being loaded."""
    browser.value("window.mine = true")
    act()
    browser.wait("document.title === 'Like the image'")
    assert first_name(browser) == name and browser.value("window.mine")
    assert browser.value("document.activeElement === document.querySelector('h1')")
    browser.wait("document.querySelector('.asked').naturalWidth > 0")
    assert [entry for entry in browser.named("Log.entryAdded") if "Security" in entry["entry"]["text"]] == []


@pytest.fixture
def image(folder):
    return next((folder / "shapes").glob("image_007.*"))


@in_chromium
def test_a_person_drops_an_image(browser, image):
    def drop():
        for kind in ("dragEnter", "dragOver", "drop"):
            browser.call("Input.dispatchDragEvent", type=kind, x=400, y=400,
                         data={"items": [], "files": [str(image)], "dragOperationsMask": 1})

    shown_for_image(browser, drop, image.name)


@in_chromium
def test_a_person_pastes_an_image(browser, image):
    content = base64.b64encode(image.read_bytes()).decode()
    paste = f"""(() => {{
      const bytes = Uint8Array.from(atob('{content}'), c => c.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], 'a.png', {{type: 'image/png'}}));
      document.body.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data, bubbles: true}}));
    }})()"""
    shown_for_image(browser, lambda: browser.value(paste), image.name)


@in_chromium
def test_a_person_chooses_an_image(browser, image):
    def choose():
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        node = browser.call("DOM.querySelector", nodeId=root, selector="#image")["nodeId"]
        browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(image)])

    shown_for_image(browser, choose, image.name)
    browser.loading(lambda: browser.value("document.querySelector('li a').click()"))
    assert browser.value("document.title") == f"Like {image.name}"


@in_chromium
def test_what_is_no_image_is_said(browser, tmp_path):
    (tmp_path / "a.txt").write_text("not an image")
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=root, selector="#image")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(tmp_path / "a.txt")])
    browser.wait("document.querySelector('h1').textContent.includes('JPEG')")


@in_chromium
def test_keys_go_from_the_field_to_the_images_and_back(browser):
    search_for(browser, "a red square")
    at = "[...document.querySelectorAll('li a')].indexOf(document.activeElement)"
    browser.press("/")
    assert browser.value("document.activeElement.id") == "query"
    browser.press("Home")
    browser.press("ArrowRight")  # the caret's
    assert browser.value(at) == -1
    browser.press("ArrowDown")
    assert browser.value(at) == 0
    browser.press("ArrowRight")
    assert browser.value(at) == 1
    assert browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    name = browser.value("document.activeElement.querySelector('.name').textContent")
    browser.loading(lambda: browser.press("Enter"))
    assert browser.value("document.title") == f"Like {name}"


@in_chromium
def test_a_name_or_a_query_that_is_markup_runs_nothing(browser):
    search_for(browser, "<script>window.hacked=3</script><img src=x onerror=window.hacked=4>")
    assert browser.value("window.hacked === undefined")
    assert browser.value("[...document.querySelectorAll('.name')].some(name => name.textContent.includes('onerror'))")
    assert browser.named("Runtime.exceptionThrown") == []


@in_chromium
def test_the_page_asks_nothing_of_another_host(browser, page):
    search_for(browser, "a red square")
    browser.value("window.scrollTo(0, 1e6)")
    browser.wait(ALL_SHOWN)
    asked = {request["request"]["url"] for request in browser.named("Network.requestWillBeSent")}
    assert asked and all(url.startswith(f"http://127.0.0.1:{page.port}/") for url in asked), asked


@in_chromium
def test_without_javascript_the_page_searches(browser, page):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(f"http://127.0.0.1:{page.port}/")
    assert "choose" not in json.dumps(browser.call("Accessibility.getFullAXTree")["nodes"])
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    browser.call("DOM.focus", nodeId=browser.call("DOM.querySelector", nodeId=root, selector="#query")["nodeId"])
    browser.type("a red square")
    browser.loading(lambda: browser.press("Enter"))
    links = [node["name"]["value"] for node in browser.call("Accessibility.getFullAXTree")["nodes"]
             if node["role"]["value"] == "link"]
    assert len(links) == 42
    assert re.fullmatch(r"Image \S+ score -?0\.\d{4} shapes More like this", links[0]), links[0]


@in_chromium
@pytest.mark.skipif(AXE is None, reason="no axe-core: scripts/setup --clients")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/?q=a+red+square", "/?q=%25&index=other"])
def test_axe_finds_nothing(browser, page, path, scheme):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(f"http://127.0.0.1:{page.port}{path}")
    browser.call("Runtime.evaluate", expression=AXE.read_text(encoding="utf-8"))
    found = browser.value("axe.run().then(result => result.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []
    dark = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 100")
    assert dark == (scheme == "dark")
