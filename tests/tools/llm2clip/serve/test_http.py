"""Slow, cut, oversized, smuggled and malformed requests: each has its answer, and the next good one is right."""

import json
import socket
import threading
import time

import pytest

from server import post_bytes, read_answer, status_of

GOOD = {"input": "a dog"}
GET = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = b'{"input":"a dog"}'
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def head(*lines):
    return POST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


# What is sent, and the status that comes back; None: the connection ends without one.
ROWS = {
    # Malformed lines
    "no request": (b"\r\n\r\n\r\n", 400),
    "not http": (b"hello\r\n\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", 400),
    "http 0.9": (b"GET /health\r\n\r\n", 400),
    "http 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "http 1.2": (b"GET /health HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n", 505),
    "two spaces": (b"GET  /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "bare line feeds": (b"GET /health HTTP/1.1\nHost: 127.0.0.1\n\n", 505),
    "no path": (b"GET HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "a port to connect to": (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "a byte 0 in the path": (b"GET /hea\x00lth HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "another scheme": (b"GET ftp://127.0.0.1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "an absolute path": (b"GET http://127.0.0.1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
    "a method of its own": (b"BREW /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
    "a method in small letters": (b"get /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
    "a control character in a method": (b"GE\x07T /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    # Malformed fields
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two hosts": (GET + b"Host: localhost\r\n\r\n", 400),
    "a space before the colon": (GET + b"X-A : b\r\n\r\n", 400),
    "a field without a name": (GET + b": b\r\n\r\n", 400),
    "a field without a colon": (GET + b"X-A\r\n\r\n", 400),
    "a byte 0 in a field": (GET + b"X-A: a\x00b\r\n\r\n", 400),
    "a lone carriage return in a field": (GET + b"X-A: a\rb\r\n\r\n", 400),
    "two content types": (head(b"Content-Type: text/plain", b"Content-Length: 17") + BODY, 400),
    "two authorizations": (GET + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400),
    "an expectation": (head(b"Expect: wonders", b"Content-Length: 17") + BODY, 417),
    # Oversized
    "a long path": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 431),
    "a long field": (GET + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "many fields": (GET + b"X: y\r\n" * 200 + b"\r\n", 431),
    "a length over the limit": (head(b"Content-Length: 33554433") + b"{", 413),
    "a length of 2 to the 64": (head(b"Content-Length: 18446744073709551616") + b"{", 400),
    "a chunk over the limit": (CHUNKED + b"2000001\r\n" + b"a" * 1000, 413),
    "a chunk of 2 to the 64": (CHUNKED + b"10000000000000000\r\n" + b"a" * 1000, 400),
    "a long extension of a chunk": (CHUNKED + b"1;" + b"a" * 200_000 + b"\r\n", 400),
    # Smuggled: two readings of where the next request begins
    "a length and chunks": (head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "chunks and a length": (head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n", 400),
    "two lengths": (head(b"Content-Length: 17", b"Content-Length: 18") + BODY, 400),
    "one length twice": (head(b"Content-Length: 17", b"Content-Length: 17") + BODY, 400),
    "a list of lengths": (head(b"Content-Length: 17, 17") + BODY, 400),
    "a length with a sign": (head(b"Content-Length: +17") + BODY, 400),
    "a negative length": (head(b"Content-Length: -17") + BODY, 400),
    "a length in hex": (head(b"Content-Length: 0x11") + BODY, 400),
    "an empty length": (head(b"Content-Length:") + BODY, 400),
    "chunks twice": (head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "chunks in a list": (head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", 501),
    "chunks and identity": (head(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n", 501),
    "gzip and chunks": (head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 501),
    "another coding": (head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n", 501),
    "chunks in http 1.0": (CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n", 400),
    "a chunk without its end": (CHUNKED + b"11\r\n" + BODY + b"XX0\r\n\r\n", 400),
    "a chunk with a sign": (CHUNKED + b"+11\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    "a chunk in 0x": (CHUNKED + b"0x11\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    "a line feed in an extension": (CHUNKED + b"11;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    "a trailer with a key": (CHUNKED + b"11\r\n" + BODY + b"\r\n0\r\nAuthorization: Bearer x\r\n\r\n", 200),
    # Bodies
    "no body": (head(b"Content-Length: 0"), 400),
    "no length": (head(), 400),
    "no json": (post_bytes(b"input=a"), 400),
    "a form": (post_bytes(BODY, Content_Type="application/x-www-form-urlencoded"), 415),
    "no content type": (post_bytes(BODY, Content_Type=None), 415),
    "cut json": (post_bytes(b'{"input":"a'), 400),
    "two documents": (post_bytes(BODY + BODY), 400),
    "a list": (post_bytes(b"[]"), 400),
    "deep": (post_bytes(b"[" * 100_000), 400),
    "deep objects": (post_bytes(b'{"a":' * 50_000), 400),
    "a member twice": (post_bytes(b'{"input":"a","input":"b"}'), 400),
    "many numbers": (post_bytes(b'{"input":[' + b"0," * 1_200_000 + b"0]}"), 400),
    "a number without end": (post_bytes(b'{"input":"a","dimensions":1e999}'), 400),
    "not utf-8": (post_bytes(b'{"input":"\xff\xfe"}'), 400),
    "half a character": (post_bytes(b'{"input":"\\ud800"}'), 400),
    "a byte 0": (post_bytes(b'{"input":"a"}\x00'), 400),
    "a byte order mark": (post_bytes(b"\xef\xbb\xbf" + BODY), 200),
    # Where to
    "no such path": (post_bytes(BODY, "/v1/completions"), 404),
    "a path above": (post_bytes(BODY, "/v1/../v1/embeddings"), 404),
    "a path in percent": (post_bytes(BODY, "/v1/%65mbeddings"), 404),
    "a query": (post_bytes(BODY, "/v1/embeddings?a=b"), 200),
    "the wrong method": (b"GET /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
    "another site's name": (post_bytes(BODY, Host="evil.example:8080"), 403),
    "another site's page": (post_bytes(BODY, Origin="https://evil.example"), 403),
    "a page of a file": (post_bytes(BODY, Origin="null"), 403),
    "its own page": (post_bytes(BODY, Host="localhost:80", Origin="http://localhost:80"), 200),
    # By the book
    "chunks": (CHUNKED + b"5\r\n" + BODY[:5] + b"\r\nC;x=y\r\n" + BODY[5:] + b"\r\n0\r\n\r\n", 200),
    "http 1.0": (post_bytes(BODY).replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
}


@pytest.fixture(scope="module")
def right(server):
    return server.post("/v1/embeddings", GOOD)[1]


def test_there_are_sixty_rows():
    assert len(ROWS) >= 60


@pytest.mark.parametrize("name", ROWS)
def test_a_request_has_its_answer_and_the_next_one_is_right(server, right, name):
    sent, status = ROWS[name]
    got = server.raw(sent)
    assert status_of(got) == status, got[:300]
    if status != 200:
        body = json.loads(got.split(b"\r\n\r\n", 1)[1])
        assert set(body["error"]) == {"message", "type", "param", "code"}
    assert server.post("/v1/embeddings", GOOD) == (200, right)


CUT = [post_bytes(BODY)[:length] for length in (1, 20, 60, -1)] + [CHUNKED, CHUNKED + b"11\r\n", CHUNKED + b"11\r\n" + BODY]


@pytest.mark.parametrize("sent", CUT, ids=len)
def test_a_request_that_is_cut_is_told_so_where_somebody_listens(server, right, sent):
    assert status_of(server.raw(sent, half_close=True)) == 400
    with server.connect() as link:
        link.sendall(sent)
    assert server.post("/v1/embeddings", GOOD) == (200, right)


def test_requests_follow_one_another_on_a_connection(server, right):
    with server.connect() as link:
        for sent in (post_bytes(BODY), post_bytes(b"{"), post_bytes(BODY, "/nowhere"), GET + b"\r\n", post_bytes(BODY)):
            link.sendall(sent)
            answer = read_answer(link)
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1]) == right


def test_requests_sent_at_once_are_answered_in_order(server):
    with server.connect() as link:
        link.sendall(GET + b"\r\n" + post_bytes(BODY) + b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     + GET + b"Connection: close\r\n\r\n")
        received = b""
        while some := link.recv(1 << 16):
            received += some
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404, 200]


def test_a_client_that_asks_first_is_told_to_go_on(server, right):
    body = BODY + b" " * 2000
    with server.connect() as link:
        link.sendall(post_bytes(body, Expect="100-continue")[:-len(body)])
        assert link.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(body)
        assert json.loads(read_answer(link).split(b"\r\n\r\n", 1)[1]) == right


def test_a_client_that_asks_first_is_refused_before_it_sends(server):
    with server.connect() as link:
        link.sendall(post_bytes(b" " * 2000, "/nowhere", Expect="100-continue")[:-2000])
        assert status_of(read_answer(link)) == 404
        assert link.recv(1) == b""


def test_a_long_body_for_nothing_is_refused_and_the_answer_arrives(server):
    with server.connect() as link:
        link.sendall(post_bytes(b" " * 20_000_000, "/nowhere")[:200])
        for _ in range(60):
            try:
                link.sendall(b" " * 300_000)
            except OSError:
                break
        assert status_of(read_answer(link)) == 404


def test_slow_clients_do_not_keep_others_waiting(server, right):
    links = [server.connect() for _ in range(50)]
    for index, link in enumerate(links):
        link.sendall(post_bytes(BODY)[:10 + index])
    start = time.monotonic()
    assert server.post("/v1/embeddings", GOOD) == (200, right)
    assert time.monotonic() - start < 5
    for link in links:
        link.close()


def test_a_head_that_comes_too_slowly_is_given_up(server):
    with server.connect() as link:
        start = time.monotonic()
        link.sendall(GET[:20])
        assert status_of(read_answer(link)) == 408
        assert 5 < time.monotonic() - start < 20


def test_head_is_get_without_the_body(server):
    status, headers, body = server.request("HEAD", "/health")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0
    assert server.request("PUT", "/v1/embeddings", BODY)[1]["Allow"] == "POST"


def test_answers_name_themselves_and_nobody_keeps_them(server):
    seen = [server.request("GET", "/health")[1] for _ in range(2)]
    assert len({headers["X-Request-Id"] for headers in seen}) == 2
    assert all(headers["Cache-Control"] == "no-store" for headers in seen)


def test_a_client_that_leaves_is_noticed(server, right):
    """Its requests are dropped; those that come after are answered."""
    many = {"input": [f"text number {index} of many" for index in range(2000)]}
    for _ in range(5):
        with server.connect() as link:
            link.sendall(post_bytes(many))
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert server.post("/v1/embeddings", GOOD) == (200, right)


def test_many_clients_at_once_are_all_answered(server, right):
    answers = []

    def ask():
        answers.append(server.post("/v1/embeddings", GOOD))

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(200, right)] * 100
