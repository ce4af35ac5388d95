"""aiohttp: streamed uploads without a length, concurrent logins, a WebSocket beside them."""

import asyncio

import aiohttp
from report import LOGIN, TIMEOUT, URL, main

CONCURRENT_LOGINS = 20
PIECES = 64
PIECE = b"0123456789abcdef" * 4096


async def pieces():
    for _ in range(PIECES):
        yield PIECE
        await asyncio.sleep(0)


async def streamed_upload(report, http, headers):
    """A body of unknown length is sent with Transfer-Encoding: chunked."""
    form = aiohttp.MultipartWriter("form-data")
    part = form.append(pieces())
    part.set_content_disposition("form-data", name="file", filename="stream.bin")
    async with http.post("/api/upload", data=form, headers=headers) as reply:
        report.equal("a streamed upload is created", reply.status, 201)
        created = await reply.json()
    report.equal("all pieces arrived", created["size"], PIECES * len(PIECE))
    async with http.get(f"{created['url']}/content", headers=headers) as reply:
        received = 0
        async for piece in reply.content.iter_chunked(65536):
            received += len(piece)
    report.equal("all bytes return", received, PIECES * len(PIECE))


async def cookie_jar(report):
    """A jar that accepts cookies of an IP address logs in twice."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(URL, cookie_jar=jar) as http:
        for time in ("first", "second"):
            async with http.post("/api/session/start", json=LOGIN) as reply:
                report.equal(f"the {time} login succeeds", reply.status, 200)
        async with http.get("/api/session") as reply:
            report.equal("the cookie is a credential", reply.status, 200)


async def concurrent_logins(report, http):
    async def login():
        async with http.post("/api/session/start", json=LOGIN) as reply:
            return reply.status

    statuses = await asyncio.gather(*(login() for _ in range(CONCURRENT_LOGINS)))
    report.check("logins at once succeed", set(statuses) == {200}, statuses)


async def events(report, http, headers):
    """The close handshake, begun by the client: RFC 6455, section 5.5.1."""
    async with http.ws_connect("/api/events", headers=headers) as socket:
        await socket.send_str("ping")
        report.equal("ping is answered", (await socket.receive(TIMEOUT)).data, "pong")
        await socket.close(code=1000)
        report.equal("the server answers the close frame", socket.close_code, 1000)


async def run(report):
    timeout = aiohttp.ClientTimeout(total=4 * TIMEOUT)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(URL, timeout=timeout, cookie_jar=jar) as http:
        async with http.post("/api/session/start", json=LOGIN) as reply:
            headers = {"X-Session-ID": (await reply.json())["session_id"]}
        await streamed_upload(report, http, headers)
        await concurrent_logins(report, http)
        await events(report, http, headers)
    await cookie_jar(report)


main(lambda report: asyncio.run(run(report)))
