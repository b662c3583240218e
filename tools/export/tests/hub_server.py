"""A Hub on loopback: the part of its interface that huggingface_hub asks for models with, and the ways in which it fails."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

# As on the Hub, large files have their SHA-256 listed and small ones the SHA-1 of git.
LARGE = 4096


@dataclass
class Repository:
    """`folder` as it is published: at one commit, behind a gate (`token` opens it), or with faults.

    `cuts`: how many more answers with that file break off, each after a quarter of it. `swapped`: files that come with a bit
    changed, and how often. `refusals`: how often the next questions about the repository get status 503.
    """

    folder: Path
    commit: str = "c0ffee" + "0" * 34
    token: str = ""
    private: bool = False
    cuts: Counter[str] = field(default_factory=Counter)
    swapped: Counter[str] = field(default_factory=Counter)
    refusals: int = 0

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}

    def listing(self, name: str) -> dict:
        siblings = []
        for file, content in self.files().items():
            entry = {"rfilename": file, "size": len(content), "blobId": git_sha1(content)}
            if len(content) > LARGE:
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        gate = "manual" if self.token and not self.private else False
        return {"id": name, "sha": self.commit, "siblings": siblings, "gated": gate, "private": self.private, "tags": []}


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(ThreadingHTTPServer):
    """`sent`: bytes of files by name. `asked`: requests in their order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.sent: Counter[str] = Counter()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if is_api else parts[:2])
        rest = parts[4:] if is_api else parts[2:]
        repository = self.server.repositories.get(name)
        opened = repository and self.headers.get("Authorization") == f"Bearer {repository.token}"
        if not repository or (repository.private and not opened):
            self.refuse(401, "RepoNotFound")
        elif repository.refusals:
            repository.refusals -= 1
            self.refuse(503, "")
        elif repository.token and not opened and rest[0] != "revision":
            self.refuse(403, "GatedRepo")
        elif is_api and rest[0] == "auth-check":
            self.send(200, b"{}")
        elif rest[1] not in ("main", repository.commit):
            self.refuse(404, "RevisionNotFound")
        elif is_api:
            assert parse_qs(urlsplit(self.path).query) == {"blobs": ["True"]}
            self.send(200, json.dumps(repository.listing(name)).encode())
        else:
            self.send_file(repository, rest[2])

    def refuse(self, status: int, code: str) -> None:
        self.send(status, b"", {"X-Error-Code": code} if code else {})

    def send(self, status: int, content: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content) if length is None else length), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def send_file(self, repository: Repository, file: str) -> None:
        content = repository.files()[file]
        digest = hashlib.sha256(content).hexdigest() if len(content) > LARGE else git_sha1(content)
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.command == "HEAD":
            self.send(200, content, headers)
            return
        rest = content[start:]
        if repository.swapped[file]:
            repository.swapped[file] -= 1
            rest = rest[:-1] + bytes([rest[-1] ^ 1])
        whole = len(rest)
        if repository.cuts[file]:
            repository.cuts[file] -= 1
            rest = rest[: len(content) // 4]
            self.close_connection = True
        self.server.sent[file] += len(rest)
        self.send(206 if start else 200, rest, headers, whole)
