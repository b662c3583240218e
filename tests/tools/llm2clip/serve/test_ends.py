"""How the server starts, fills up and ends; keys; what it writes."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from cli_support import assert_refused
from server import Server, post_bytes, read_answer, status_of

KEY = "0123456789abcdef-first"
OTHER = "0123456789abcdef-second"
GOOD = {"input": "a dog"}
MANY = {"input": [f"a photo of thing number {index} in a row of many" for index in range(2000)]}


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys.txt"
    file.write_text(f"# mine\n{KEY}\n\n{OTHER}\n")
    return str(file)


def test_health_says_when_the_server_is_ready_and_when_it_ends(binary, demo_model):
    with Server(binary, demo_model, wait_until=None) as server:
        status, headers, body = server.request("GET", "/health")
        if status == 503:  # it may have been quicker
            assert json.loads(body) == {"status": "loading"}
            assert server.post("/v1/embeddings", GOOD)[0] == 503
        server.line("ready")
        assert server.request("GET", "/health")[0] == 200
        assert server.stop() == 0


def test_sigterm_answers_what_is_here_and_ends_with_zero(binary, demo_model):
    with (Server(binary, demo_model, "--grace", "200") as server, server.connect(200) as busy,
          server.connect(200) as idle):
        busy.sendall(post_bytes(MANY))
        while b"te_requests_in_flight 1\n" not in server.request("GET", "/metrics")[2]:
            time.sleep(0.01)
        server.process.terminate()
        answer = read_answer(busy)
        assert status_of(answer) == 200
        assert b"\r\nConnection: close\r\n" in answer
        assert idle.recv(1) == b""
        assert server.process.wait(200) == 0
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_what_is_not_done_after_the_grace_is_cut(binary, demo_model):
    with Server(binary, demo_model, "--grace", "1") as server:
        with server.connect() as slow:
            slow.sendall(post_bytes(GOOD)[:50])
            start = time.monotonic()
            assert server.stop() == 0
            assert 0.5 < time.monotonic() - start < 10
            assert slow.recv(1) == b""


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_while_the_model_loads_ends_it(binary, demo_model, number):
    with Server(binary, demo_model, wait_until=None) as server:
        assert server.stop(number) == 0


def test_keys_open_what_is_not_for_everybody(binary, demo_model, keys):
    with Server(binary, demo_model, "--api-key-file", keys) as server:
        def status(path="/v1/embeddings", **headers):
            method = "POST" if path == "/v1/embeddings" else "GET"
            return server.request(method, path, GOOD if method == "POST" else None, headers)[0]

        assert status() == 401
        for wrong in (KEY[:-1], KEY + "x", KEY.upper(), "", "x" * 500):
            assert status(Authorization=f"Bearer {wrong}") == 401
        assert status(Authorization=KEY) == 401
        assert status(Authorization=f"Bearer {KEY}") == 200
        assert status(Authorization=f"bearer {OTHER}") == 200
        assert status("/v1/models") == status("/metrics") == 401
        assert status("/health") == status("/openapi.json") == 200
        assert server.post("/v1/embeddings", GOOD)[1]["error"]["code"] == "invalid_api_key"
        assert KEY not in json.dumps(server.lines)


def test_other_machines_come_in_with_keys_or_where_all_may(run, binary, demo_model, keys):
    assert_refused(run("serve", "-m", demo_model, "--host", "0.0.0.0", "--port", "0"), 2, "--host 0.0.0.0", "--api-key-file")
    for flags in (["--api-key-file", keys], ["--no-auth"]):
        with Server(binary, demo_model, "--host", "0.0.0.0", *flags, wait_until=None) as server:
            assert server.stop() == 0


@pytest.mark.parametrize("content, words", [("", "no key"), ("short\n", "keys.txt:1"), ("# a\n" + "a b" * 10, "keys.txt:2")])
def test_a_file_of_keys_that_is_none_is_refused(run, demo_model, tmp_path, content, words):
    (tmp_path / "keys.txt").write_text(content)
    assert_refused(run("serve", "-m", demo_model, "--api-key-file", "keys.txt"), 2, words)


def test_what_the_server_cannot_have_is_told(run, demo_model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(run("serve", "-m", demo_model, "--port", port), 7, f"127.0.0.1:{port}")
    assert_refused(run("serve", "-m", demo_model, "--host", "example.org"), 2, "--host")
    for port in ("70000", "http"):
        assert_refused(run("serve", "-m", demo_model, "--port", port), 2,
                       f"--port: a whole number from 0 to 65535 is expected, not {port}")
    assert_refused(run("serve", "-m", "no/such"), 5, "no/such")
    assert_refused(run("serve", "-m", demo_model, "-x", "no.index"), 4, "no.index")


def test_a_unix_socket_is_taken_over_from_a_dead_server_and_from_no_other(binary, demo_model, tmp_path, run):
    path = tmp_path / "llm2clip.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    process = subprocess.Popen([binary, "serve", "-m", demo_model, "--socket", path], stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if '"ready"' in line:
                break
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            link.sendall(post_bytes(GOOD, Host="anything"))
            assert status_of(read_answer(link)) in (200, 403)
        assert_refused(run("serve", "-m", demo_model, "--socket", str(path)), 7, "llm2clip.sock")
        assert stat.S_ISSOCK(path.stat().st_mode)
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stderr.close()


def test_more_requests_than_may_be_under_way_are_told_to_come_again(binary, demo_model):
    with Server(binary, demo_model, "--max-in-flight", "4") as server:
        seen = []

        def ask():
            for _ in range(10):
                status, headers, _ = server.request("POST", "/v1/embeddings", {"input": MANY["input"][:200]})
                seen.append((status, headers.get("Retry-After")))

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _ in seen} == {200, 429}
        assert all(again == "1" for status, again in seen if status == 429)
        assert server.post("/v1/embeddings", GOOD)[0] == 200
        figures = server.request("GET", "/metrics")[2].decode()
        refused = sum(status == 429 for status, _ in seen)
        assert f'te_request_failure{{err="overloaded"}} {refused}\n' in figures


def test_more_bytes_than_there_is_memory_for_are_told_to_come_again(binary, demo_model):
    with Server(binary, demo_model, "--max-memory", "100000") as server:
        assert server.post("/v1/embeddings", {"input": ["a"] * 2000})[0] == 429
        assert server.post("/v1/embeddings", GOOD)[0] == 200


def test_more_connections_than_may_be_open_are_closed(binary, demo_model):
    with Server(binary, demo_model, "--max-connections", "3") as server:
        links = [server.connect() for _ in range(3)]
        time.sleep(0.2)
        with server.connect() as extra:
            assert extra.recv(1) == b""
        links.pop().close()
        time.sleep(0.2)
        assert server.post("/v1/embeddings", GOOD)[0] == 200
        for link in links:
            link.close()


def test_lines_say_what_became_of_requests_and_nothing_of_what_they_said(binary, demo_model):
    with Server(binary, demo_model) as server:
        secret = "xyzzy-a-secret-text"
        server.post("/v1/embeddings", {"input": [secret, secret], "user": secret})
        server.post(f"/{secret}", {"input": secret}, {"X-Secret": secret, "User-Agent": secret})
        server.post("/v1/embeddings", {"input": secret, "model": secret})
        assert server.stop() == 0
        server.reader.join()
        requests = [line for line in server.lines if line["event"] == "request"]
        assert [(line["route"], line["status"]) for line in requests] == [
            ("/v1/embeddings", 200), (None, 404), ("/v1/embeddings", 404)]
        assert requests[0]["texts"] == 2 and requests[0]["inference_ms"] > 0
        assert secret not in json.dumps(server.lines)


def test_systemd_hands_over_sockets_and_hears_of_the_start(binary, demo_model, tmp_path):
    """As systemd does it: descriptor 3 listens, and READY=1 goes to a socket."""
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(60)
    listening = socket.create_server(("127.0.0.1", 0))
    start = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
             "os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[2], sys.argv[2:])")
    process = subprocess.Popen(
        [sys.executable, "-c", start, str(listening.fileno()), str(binary), "serve", "-m", str(demo_model)],
        env={**os.environ, "LISTEN_FDS": "1", "NOTIFY_SOCKET": str(tmp_path / "notify")},
        pass_fds=[listening.fileno()], stderr=subprocess.DEVNULL)
    try:
        assert notify.recv(100) == b"READY=1"
        with socket.create_connection(listening.getsockname(), 30) as link:
            link.sendall(post_bytes(GOOD))
            assert status_of(read_answer(link)) == 200
    finally:
        process.terminate()
        assert process.wait(30) == 0
        listening.close()
        notify.close()
