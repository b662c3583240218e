"""A server on loopback for tests, and ways to speak to it that no client library would allow."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import threading


class Server:
    """`llm2clip serve` on a free port; `lines` are the JSON lines that it has written."""

    def __init__(self, binary, model, *flags, cwd=None, wait_until="ready", **environment):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("LLM2CLIP_")}
        self.process = subprocess.Popen([binary, "serve", "-m", model, "--port", "0", *flags], cwd=cwd, text=True,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**inherited, **environment})
        self.lines = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = int(self.line("listening")["address"].rsplit(":", 1)[1])
        if wait_until:
            self.line(wait_until)

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(json.loads(line) if line.startswith("{") else {"event": "plain", "message": line})
                self.changed.notify_all()
        with self.changed:
            self.lines.append({"event": "ended"})
            self.changed.notify_all()

    def line(self, event, seconds=60):
        """The first line of that event, waited for."""
        def found():
            return next((line for line in self.lines if line["event"] in (event, "ended")), None)

        with self.changed:
            assert self.changed.wait_for(found, seconds), f"no {event}: {self.lines}"
            assert found()["event"] == event, self.lines
            return found()

    def connect(self, seconds=30):
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def request(self, method, path, body=None, headers=None):
        """Status, headers and body, by a client that keeps to the rules."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, {**given, **(headers or {})})
        answer = connection.getresponse()
        result = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return result

    def post(self, path, body, headers=None):
        status, _, content = self.request("POST", path, body, headers)
        return status, json.loads(content)

    def raw(self, data, seconds=20, half_close=False):
        """What comes back for bytes as they stand, until the server closes or has answered."""
        with self.connect(seconds) as link:
            link.sendall(data)
            if half_close:
                link.shutdown(socket.SHUT_WR)
            return read_answer(link)

    def stop(self, number=signal.SIGTERM, seconds=60):
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def read_answer(link):
    """Status line, headers and body of one answer; what there is of it where the server closes or waits."""
    received = b""
    try:
        while b"\r\n\r\n" not in received or len(received) < wanted_bytes(received):
            some = link.recv(1 << 16)
            if not some:
                break
            received += some
    except (TimeoutError, ConnectionResetError):
        pass
    return received


def wanted_bytes(received):
    head, _, _ = received.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(head) + 4 + int(line.split(b":")[1])
    return len(head) + 4


def status_of(received):
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else None


def post_bytes(body, path="/v1/embeddings", **fields):
    """A whole request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(data))}
    head |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + data


def data_uri(file, kind="png"):
    return f"data:image/{kind};base64," + base64.b64encode(file).decode()


