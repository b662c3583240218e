"""--allow-image-hosts: images of other servers, and only of those that are listed."""

import http.server
import ssl
import subprocess
import threading
import time

import pytest

from cli_support import ROOT, assert_refused
from server import Server, data_uri

UNSEEN = sorted((ROOT / "tests/data/unseen").glob("*.jpg"))
IMAGE = UNSEEN[0].read_bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    """A method for each path."""

    server: "Origin"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Host"), self.headers.get("Authorization")))
        getattr(self, "go_" + self.path.strip("/").split("?")[0].replace(".", "_"), self.go_missing)()

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def go_good_jpg(self):
        self.answer(200, IMAGE, Content_Length=str(len(IMAGE)))

    def go_endless_jpg(self):
        """Without a length: until the connection ends."""
        self.answer(200, IMAGE)

    def go_chunked_jpg(self):
        self.protocol_version = "HTTP/1.1"
        self.answer(200, b"%x\r\n%s\r\n0\r\n\r\n" % (len(IMAGE), IMAGE), Transfer_Encoding="chunked", Connection="close")

    def go_here(self):
        self.answer(302, Location="/good.jpg")

    def go_elsewhere(self):
        self.answer(302, Location=f"http://127.0.0.2:{self.server.server_port}/good.jpg")

    def go_file(self):
        self.answer(302, Location="file:///etc/passwd")

    def go_loop(self):
        self.answer(302, Location="/loop")

    def go_text(self):
        self.answer(200, b"root:x:0:0:root:/root:/bin/bash\n")

    def go_huge(self):
        self.answer(200, Content_Length=str(64 << 20))

    def go_growing(self):
        self.answer(200)
        try:
            for _ in range(64):
                self.wfile.write(b"\0" * (1 << 20))
        except OSError:
            pass

    def go_cut(self):
        self.answer(200, IMAGE[:100], Content_Length=str(len(IMAGE)))

    def go_slow(self):
        self.answer(200)
        try:
            for _ in range(300):
                self.wfile.write(b"a")
                time.sleep(0.1)
        except OSError:
            pass

    def go_missing(self):
        self.answer(404)

    def log_message(self, *_):
        pass


class Origin(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


def certificate(folder, name, subject):
    file = folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", file, "-out", folder / f"{name}.crt",
                    "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={subject}"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (folder / f"{name}.crt").read_bytes())
    return file


@pytest.fixture(scope="module")
def origins(tmp_path_factory):
    """Servers of images on loopback: plain, with a certificate that is trusted, of another name, and not trusted."""
    folder = tmp_path_factory.mktemp("origins")
    files = {"tls": certificate(folder, "tls", "IP:127.0.0.1"), "other": certificate(folder, "other", "DNS:a.example"),
             "unknown": certificate(folder, "unknown", "IP:127.0.0.1")}  # fmt: skip
    (folder / "trusted.pem").write_bytes((folder / "tls.crt").read_bytes() + (folder / "other.crt").read_bytes())
    return {"plain": Origin(), **{name: Origin(file) for name, file in files.items()}}, folder / "trusted.pem"


@pytest.fixture(scope="module")
def fetching(binary, demo_model, origins):
    """A server that may ask the four of them by their address, and the plain one by its name, too."""
    servers, trusted = origins
    hosts = [f"127.0.0.1:{origin.server_port}" for origin in servers.values()] + [f"localhost:{servers['plain'].server_port}"]
    with Server(binary, demo_model, "--allow-image-hosts", ",".join(hosts), SSL_CERT_FILE=str(trusted)) as server:
        yield server


def ask(server, origins, path, who="plain", host="127.0.0.1"):
    scheme = "http" if who == "plain" else "https"
    uri = f"{scheme}://{host}:{origins[0][who].server_port}/{path}"
    return server.post("/v1/embeddings", {"modality": "image", "input": uri})


@pytest.fixture(scope="module")
def right(fetching):
    status, answer = fetching.post("/v1/embeddings", {"modality": "image", "input": data_uri(IMAGE)})
    assert status == 200
    return answer["data"]


@pytest.mark.parametrize("path", ["good.jpg", "good.jpg?a=b", "endless.jpg", "chunked.jpg", "here"])
def test_an_image_of_a_listed_host_is_that_image(fetching, origins, right, path):
    status, answer = ask(fetching, origins, path)
    assert status == 200, answer
    assert answer["data"] == right
    path, host, authorization = origins[0]["plain"].seen[-1]
    assert host == f"127.0.0.1:{origins[0]['plain'].server_port}" and authorization is None


@pytest.mark.parametrize("path, status, words", [
    ("elsewhere", 400, "not one of --allow-image-hosts"), ("file", 400, "only http and https"),
    ("loop", 400, "redirected too often"), ("text", 400, "JPEG"), ("missing", 400, "answers 404"),
    ("huge", 413, "too many bytes"), ("growing", 413, "too many bytes"), ("cut", 400, "partial")])  # fmt: skip
def test_what_is_no_image_of_a_listed_host_is_refused(fetching, origins, right, path, status, words):
    got, answer = ask(fetching, origins, path)
    assert (got, answer["error"]["param"]) == (status, "input"), answer
    assert words in answer["error"]["message"] and "root" not in answer["error"]["message"]
    assert ask(fetching, origins, "good.jpg")[1]["data"] == right


def test_a_listed_name_with_a_private_address_is_not_asked(fetching, origins):
    seen = len(origins[0]["plain"].seen)
    status, answer = ask(fetching, origins, "good.jpg", host="localhost")
    assert status == 400 and "address that is not public" in answer["error"]["message"]
    assert len(origins[0]["plain"].seen) == seen


@pytest.mark.parametrize("uri", ["http://127.0.0.1/a", "http://127.0.0.2:{port}/good.jpg", "http://2130706433:{port}/good.jpg",
                                 "http://127.1:{port}/good.jpg", "http://[::ffff:127.0.0.1]:{port}/good.jpg",
                                 "http://127.0.0.1:{port}@example.org/", "http://me:pw@127.0.0.1:{port}/good.jpg",
                                 "http://169.254.169.254/latest/meta-data", "http:///etc/passwd"])  # fmt: skip
def test_other_hosts_and_other_ways_to_write_one_are_refused(fetching, origins, uri):
    seen = len(origins[0]["plain"].seen)
    uri = uri.replace("{port}", str(origins[0]["plain"].server_port))
    status, answer = fetching.post("/v1/embeddings", {"modality": "image", "input": uri})
    assert (status, answer["error"]["param"]) == (400, "input")
    assert len(origins[0]["plain"].seen) == seen


@pytest.mark.parametrize("who, status", [("tls", 200), ("other", 400), ("unknown", 400)])
def test_a_certificate_is_trusted_and_of_the_host(fetching, origins, right, who, status):
    got, answer = ask(fetching, origins, "good.jpg", who)
    assert got == status, answer
    if status == 200:
        assert answer["data"] == right
    else:
        assert "certificate verify failed" in answer["error"]["message"]


def test_a_slow_host_is_given_up(fetching, origins):
    start = time.monotonic()
    status, answer = ask(fetching, origins, "slow")
    assert status == 400 and "too long" in answer["error"]["message"]
    assert 15 < time.monotonic() - start < 28


def test_routes_that_take_images_take_addresses(fetching, origins):
    uri = f"http://127.0.0.1:{origins[0]['plain'].server_port}/good.jpg"
    assert fetching.post("/v1/classify", {"input": [uri, data_uri(IMAGE)], "labels": ["a", "b"]})[0] == 200
    assert fetching.post("/v2/embed", {"images": [uri]})[0] == 200
    mixed = {"input": ["a dog", {"content": [{"type": "image_url", "image_url": {"url": uri}}]}]}
    assert fetching.post("/v1/embeddings", mixed)[0] == 200


def test_a_server_without_the_flag_asks_nobody(server, origins):
    seen = len(origins[0]["plain"].seen)
    status, answer = ask(server, origins, "good.jpg")
    assert status == 400 and "not fetched" in answer["error"]["message"]
    assert len(origins[0]["plain"].seen) == seen


@pytest.mark.parametrize("hosts", ["http://a.example", "a.example/b", ":80"])
def test_what_is_no_host_is_refused(run, demo_model, hosts):
    assert_refused(run("serve", "-m", demo_model, "--allow-image-hosts", hosts), 2, "--allow-image-hosts", hosts)
