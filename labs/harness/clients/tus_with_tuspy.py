"""tuspy and requests: an upload in pieces, and the 47 points of tus 1.0 that the server promises.

Source: https://tus.io/protocols/resumable-upload, version 1.0.0. Each check names the section.
"""

import base64
import email.utils
import hashlib
import io
import urllib.parse

import requests
from report import TIMEOUT, URL, credential, main
from tusclient.client import TusClient

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
CONTENT = bytes(range(256)) * 8192
POINTS = 47


class Uploads:
    """The calls of tus with a credential."""

    def __init__(self, headers):
        self.http = requests.Session()
        self.http.headers.update(headers)

    def call(self, method, url, headers, data=None):
        url = urllib.parse.urljoin(f"{URL}/api/tus", url)
        return self.http.request(method, url, headers=headers, data=data, timeout=TIMEOUT)

    def create(self, length, **headers):
        sent = {**TUS, "Upload-Length": str(length), **headers}
        return self.call("POST", "", {key: value for key, value in sent.items() if value})

    def patch(self, url, offset, data, **headers):
        sent = {**BYTES, "Upload-Offset": str(offset), **headers}
        return self.call("PATCH", url, {key: value for key, value in sent.items() if value}, data)

    def head(self, url, headers=None):
        return self.call("HEAD", url, TUS if headers is None else headers)

    def offset(self, url):
        return self.head(url).headers.get("Upload-Offset")


def with_tuspy(report, headers):
    """The upload of a client library, in pieces, and a second client that continues it."""
    client = TusClient(f"{URL}/api/tus", headers=headers)
    uploader = client.uploader(
        file_stream=io.BytesIO(CONTENT),
        chunk_size=256 * 1024,
        metadata={"filename": "tuspy.bin", "filetype": "application/octet-stream"},
    )
    for _ in range(3):
        uploader.upload_chunk()
    again = client.uploader(file_stream=io.BytesIO(CONTENT), chunk_size=1024 * 1024)
    again.set_url(uploader.url)
    again.offset = again.get_offset()
    report.equal("a second client finds the offset", again.offset, 3 * 256 * 1024)
    again.upload()
    head = requests.head(uploader.url, headers={**headers, **TUS}, timeout=TIMEOUT)
    path = f"/api/files/{head.headers['X-File-Id']}/content"
    stored = requests.get(f"{URL}{path}", headers=headers, timeout=TIMEOUT)
    report.check("the file has all bytes", stored.content == CONTENT, len(stored.content))


def announcement(point, tus):
    """Section OPTIONS: the answer needs no version and no credential."""
    reply = requests.options(f"{URL}/api/tus", timeout=TIMEOUT)
    point("OPTIONS succeeds", reply.status_code in (200, 204), reply.status_code)
    versions = reply.headers.get("Tus-Version", "")
    point("OPTIONS lists version 1.0.0", "1.0.0" in versions.split(","), versions)
    extensions = set(reply.headers.get("Tus-Extension", "").split(","))
    expected = {"creation", "checksum", "expiration", "termination"}
    point("OPTIONS lists the extensions", expected <= extensions, extensions)
    size = reply.headers.get("Tus-Max-Size", "")
    point("Tus-Max-Size is a number of bytes", size.isdecimal(), size)
    algorithms = reply.headers.get("Tus-Checksum-Algorithm", "").split(",")
    point("the checksum algorithms include sha1", "sha1" in algorithms, algorithms)


def versions(point, tus):
    """Section Tus-Resumable: every request but OPTIONS names the version."""
    url = tus.create(1).headers["Location"]
    for name, headers in [("without a version", {}), ("of 0.2.2", {"Tus-Resumable": "0.2.2"})]:
        reply = tus.head(url, headers)
        point(f"a request {name} is refused", reply.status_code == 412, reply.status_code)
        seen = reply.headers.get("Tus-Version")
        point(f"the refusal of a request {name} has Tus-Version", seen == "1.0.0", seen)
    seen = tus.head(url).headers.get("Tus-Resumable")
    point("every reply names the version", seen == "1.0.0", seen)


def creation(point, tus):
    """Section Creation."""
    words = base64.b64encode("résumé.txt".encode()).decode()
    metadata = f"filename {words},filetype dGV4dC9wbGFpbg==,is_secret"
    created = tus.create(5, **{"Upload-Metadata": metadata})
    point("a creation is answered with 201", created.status_code == 201, created.status_code)
    url = created.headers.get("Location")
    point("a creation has a Location", bool(url), created.headers)
    head = tus.head(url)
    seen = head.headers.get("Upload-Metadata")
    point("HEAD returns the metadata as sent", seen == metadata, seen)
    point("a new upload has offset 0", head.headers.get("Upload-Offset") == "0", head.headers)
    seen = head.headers.get("Upload-Length")
    point("HEAD returns the length", seen == "5", seen)
    for name, headers in [
        ("without a length", {"Upload-Length": None}),
        ("with a negative length", {"Upload-Length": "-1"}),
        ("with a length that is no number", {"Upload-Length": "5x"}),
        ("with metadata that is no base64", {"Upload-Metadata": "filename ***"}),
    ]:
        reply = tus.create(5, **headers)
        point(f"a creation {name} is refused", reply.status_code == 400, reply.status_code)
    reply = tus.create(10**15)
    point("a length over Tus-Max-Size is refused", reply.status_code == 413, reply.status_code)
    reply = tus.create(5, **{"Upload-Concat": "partial"})
    refused = 400 <= reply.status_code < 500
    point("a partial upload is refused without its extension", refused, reply.status_code)
    empty = tus.create(0)
    point("an upload of no bytes is created", empty.status_code == 201, empty.status_code)


def pieces(point, tus):
    """Sections PATCH and HEAD."""
    url = tus.create(len(CONTENT)).headers["Location"]
    half = len(CONTENT) // 2
    reply = tus.patch(url, 0, CONTENT[:half])
    point("a PATCH is answered with 204", reply.status_code == 204, reply.status_code)
    seen = reply.headers.get("Upload-Offset")
    point("a PATCH returns the new offset", seen == str(half), seen)
    head = tus.head(url)
    point("HEAD is answered with 200 or 204", head.status_code in (200, 204), head.status_code)
    seen = head.headers.get("Cache-Control", "")
    point("HEAD is not cached", "no-store" in seen, seen)
    seen = head.headers.get("Upload-Offset")
    point("HEAD returns the offset", seen == str(half), seen)
    for name, offset in [("before", half - 1), ("after", half + 1)]:
        reply = tus.patch(url, offset, b"xy")
        point(f"an offset {name} the end conflicts", reply.status_code == 409, reply.status_code)
    point("a conflict changes nothing", tus.offset(url) == str(half), tus.offset(url))
    reply = tus.patch(url, half, b"xy", **{"Content-Type": "application/octet-stream"})
    point("another content type is refused", reply.status_code == 415, reply.status_code)
    reply = tus.patch(url, half, b"xy", **{"Upload-Offset": None})
    point("a PATCH without an offset is refused", reply.status_code == 400, reply.status_code)
    reply = tus.patch(url, half, CONTENT[half:] + b"more")
    point("more bytes than the length are refused", 400 <= reply.status_code < 500, reply.status_code)
    rest = int(tus.offset(url))
    kind = "Application/Offset+Octet-Stream"
    reply = tus.patch(url, rest, CONTENT[rest:], **{"Content-Type": kind})
    point("the media type has no case", reply.status_code == 204, reply.status_code)
    reply = tus.patch(url, len(CONTENT), b"")
    point("an empty PATCH at the end succeeds", reply.status_code == 204, reply.status_code)


def method_override(point, tus):
    """Section X-HTTP-Method-Override: for clients that cannot send PATCH."""
    url = tus.create(2).headers["Location"]
    headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    reply = tus.call("POST", url, headers, b"ab")
    point("a POST may stand for a PATCH", reply.status_code == 204, reply.status_code)


def checksums(point, tus):
    """Section Checksum."""
    url = tus.create(6).headers["Location"]
    digest = base64.b64encode(hashlib.sha1(b"abc").digest()).decode()
    reply = tus.patch(url, 0, b"abx", **{"Upload-Checksum": f"sha1 {digest}"})
    point("a wrong checksum is refused", reply.status_code == 460, reply.status_code)
    point("bytes with a wrong checksum are dropped", tus.offset(url) == "0", tus.offset(url))
    reply = tus.patch(url, 0, b"abc", **{"Upload-Checksum": f"sha1 {digest}"})
    point("a right checksum is accepted", reply.status_code == 204, reply.status_code)
    reply = tus.patch(url, 3, b"abc", **{"Upload-Checksum": f"crc1 {digest}"})
    point("an unknown algorithm is refused", reply.status_code == 400, reply.status_code)
    reply = tus.patch(url, 3, b"abc", **{"Upload-Checksum": "sha1"})
    point("a checksum without a digest is refused", reply.status_code == 400, reply.status_code)


def expiration_and_termination(point, tus):
    """Sections Expiration and Termination."""
    created = tus.create(5)
    expires = created.headers.get("Upload-Expires", "")
    parsed = email.utils.parsedate_to_datetime(expires) if expires else None
    point("Upload-Expires is an HTTP date", parsed is not None, expires)
    url = created.headers["Location"]
    seen = tus.patch(url, 0, b"ab").headers.get("Upload-Expires")
    point("a PATCH returns Upload-Expires", bool(seen), seen)
    reply = tus.call("DELETE", url, TUS)
    point("DELETE is answered with 204", reply.status_code == 204, reply.status_code)
    seen = tus.head(url).status_code
    point("a terminated upload is gone", seen in (404, 410), seen)
    seen = tus.patch(url, 2, b"cde").status_code
    point("a terminated upload takes no bytes", seen in (404, 410), seen)
    done = tus.create(2).headers["Location"]
    tus.patch(done, 0, b"ab")
    seen = tus.call("DELETE", done, TUS).status_code
    point("a complete upload can be terminated", seen == 204, seen)


def program(report):
    headers = credential()
    with_tuspy(report, headers)
    points = 0

    def point(name, holds, seen=""):
        nonlocal points
        points += 1
        report.check(f"tus {points}: {name}", holds, seen)

    tus = Uploads(headers)
    for section in (
        announcement,
        versions,
        creation,
        pieces,
        method_override,
        checksums,
        expiration_and_termination,
    ):
        section(point, tus)
    report.equal("all points of tus were checked", points, POINTS)


main(program)
