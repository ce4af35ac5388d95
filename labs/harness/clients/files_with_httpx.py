"""httpx: uploads and downloads over kept connections, with conditions and ranges."""

import hashlib

import httpx
from report import TIMEOUT, URL, credential, main

CONTENT = bytes(range(256)) * 1024


def upload(client, name, content, **headers):
    files = {"file": (name, content, "text/plain")}
    return client.post("/api/upload", files=files, headers=headers)


def conditions(report, client, path):
    """RFC 9110, section 13: preconditions of GET and HEAD."""
    etag = client.get(path).headers["ETag"]
    for name, method, headers, status in [
        ("If-Match with the tag", "GET", {"If-Match": etag}, 200),
        ("If-Match with a star", "GET", {"If-Match": "*"}, 200),
        ("If-Match with a list", "GET", {"If-Match": f'"other", {etag}'}, 200),
        ("If-Match with another tag", "GET", {"If-Match": '"other"'}, 412),
        ("If-Match with a weak tag", "GET", {"If-Match": f"W/{etag}"}, 412),
        ("HEAD and If-Match with another tag", "HEAD", {"If-Match": '"other"'}, 412),
        ("If-None-Match with the tag", "GET", {"If-None-Match": etag}, 304),
        ("If-None-Match with a weak tag", "GET", {"If-None-Match": f"W/{etag}"}, 304),
        ("If-None-Match with a list", "GET", {"If-None-Match": f'"other", {etag}'}, 304),
        ("If-None-Match with a star", "GET", {"If-None-Match": "*"}, 304),
        ("If-None-Match with another tag", "GET", {"If-None-Match": '"other"'}, 200),
        ("HEAD and If-None-Match", "HEAD", {"If-None-Match": etag}, 304),
    ]:
        reply = client.request(method, path, headers=headers)
        report.equal(name, reply.status_code, status)
        if status == 304:
            length = reply.headers.get("Content-Length", str(len(CONTENT)))
            report.equal(f"{name}: no false length", length, str(len(CONTENT)))
            report.equal(f"{name}: the tag", reply.headers.get("ETag"), etag)


def ranges(report, client, path):
    """RFC 9110, section 14."""
    size = len(CONTENT)
    for value, status, first, last in [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=-5", 206, size - 5, size - 1),
        ("bytes=5-", 206, 5, size - 1),
        (f"bytes=0-{10**15}", 206, 0, size - 1),
        (f"bytes={size}-", 416, None, None),
        (f"bytes={10**15}-", 416, None, None),
        ("bytes=-0", 416, None, None),
        ("bytes=5-3", 200, 0, size - 1),
        ("items=0-1", 200, 0, size - 1),
    ]:
        reply = client.get(path, headers={"Range": value})
        report.equal(f"Range: {value[:20]}", reply.status_code, status)
        if status != 416:
            report.check(
                f"Range: {value[:20]}: the bytes",
                reply.content == CONTENT[first : last + 1],
                f"{len(reply.content)} bytes",
            )
        else:
            seen = reply.headers.get("Content-Range")
            report.equal(f"Range: {value[:20]}: the size", seen, f"bytes */{size}")


def odd_texts(report, client):
    """A NUL byte and other odd bytes in a text are refused, and no error of the server."""
    for path in [
        "/api/files?cursor=%00",
        "/api/files?limit=%00",
        "/api/files?limit=-1",
        "/api/files?limit=99999999999999999999",
        "/api/files/%00",
        "/api/files/%ff",
        "/api/files/a%2Fb",
        "/api/uploads/%00",
        "/api/tus/%00",
    ]:
        reply = client.get(path)
        report.check(f"GET {path} is refused", 400 <= reply.status_code < 500, reply.status_code)
    for name in ["nul\0name", "line\nbreak", "../../etc/passwd", "x" * 5000, "\u202etxt.exe", ""]:
        reply = upload(client, name, b"x")
        report.check(
            f"a file named {name[:20]!r} is stored or refused",
            reply.status_code in (201, 400),
            reply.status_code,
        )
    form = {"other": (None, "text")}
    reply = client.post("/api/upload", files=form)
    report.equal("a form without a file is refused", reply.status_code, 400)
    # A browser sends this for a form in which no file is selected.
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--b--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    reply = client.post("/api/upload", content=body, headers=form)
    report.equal("a form with no file selected is refused", reply.status_code, 400)


def program(report):
    with httpx.Client(base_url=URL, timeout=TIMEOUT) as client:
        client.headers.update(credential())
        created = upload(client, "bytes.bin", CONTENT)
        report.equal("an upload is created", created.status_code, 201)
        digest = hashlib.sha256(CONTENT).hexdigest()
        report.equal("the reply has the hash", created.json()["sha256"], digest)
        path = f"{created.headers['Location']}/content"
        report.check("the bytes return", client.get(path).content == CONTENT)
        head = client.head(path)
        report.equal("HEAD has the length", head.headers.get("Content-Length"), str(len(CONTENT)))

        conditions(report, client, path)
        ranges(report, client, path)
        odd_texts(report, client)

        empty = upload(client, "empty", b"")
        report.equal("an empty file is stored", empty.status_code, 201)
        content = f"{empty.headers['Location']}/content"
        reply = client.get(content)
        report.equal("an empty file is read", (reply.status_code, reply.content), (200, b""))

        key = {"Idempotency-Key": "outside-client-1"}
        one, two = (upload(client, "once", b"once", **key) for _ in range(2))
        report.equal("a repeated upload is one file", one.json()["file_id"], two.json()["file_id"])
        other = upload(client, "once", b"twice", **key)
        report.equal("a key is bound to its bytes", other.status_code, 422)

        gone = client.delete(created.headers["Location"])
        report.equal("a file is deleted", gone.status_code, 200)
        report.equal("a deleted file is gone", client.get(path).status_code, 404)


main(program)
