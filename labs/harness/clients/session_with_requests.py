"""requests: a cookie jar through two logins, concurrent logins, odd cookies and odd JSON."""

from concurrent.futures import ThreadPoolExecutor

import requests
from report import LOGIN, TIMEOUT, URL, main

CONCURRENT_LOGINS = 30


def cookie_jar(report):
    """A client that keeps its cookies logs in, works, logs in again and logs out."""
    browser = requests.Session()
    browser.headers["Origin"] = URL
    first = browser.post(f"{URL}/api/session/start", json=LOGIN, timeout=TIMEOUT)
    report.equal("the first login succeeds", first.status_code, 200)
    report.check("the login sets a cookie", len(browser.cookies) > 0, browser.cookies)

    del browser.headers["Origin"]
    second = browser.post(f"{URL}/api/session/start", json=LOGIN, timeout=TIMEOUT)
    report.equal("a login with the cookie of the first succeeds", second.status_code, 200)
    view = browser.get(f"{URL}/api/session", timeout=TIMEOUT)
    report.equal("the cookie is a credential", view.status_code, 200)

    no_origin = browser.post(f"{URL}/api/session/end", timeout=TIMEOUT)
    report.equal("a change by cookie without an origin is refused", no_origin.status_code, 403)
    header = {"X-Session-ID": second.json()["session_id"]}
    ended = browser.post(f"{URL}/api/session/end", headers=header, timeout=TIMEOUT)
    report.equal("a change by header needs no origin", ended.status_code, 200)
    after = requests.get(f"{URL}/api/session", headers=header, timeout=TIMEOUT)
    report.equal("the ended session is refused", after.status_code, 401)
    third = browser.post(f"{URL}/api/session/start", json=LOGIN, timeout=TIMEOUT)
    report.equal("a login with the cookie of an ended session succeeds", third.status_code, 200)
    return third.json()["session_id"]


def odd_cookies(report, session_id):
    """Cookies of other programs on the same host do not disturb the session's cookie."""
    for name, cookie in {
        "a Latin-1 byte": b"theme=caf\xe9; session=%s",
        "UTF-8": b"theme=caf\xc3\xa9; session=%s",
        "a byte that is no text": b"a=\xff\xfe; session=%s; b=\x80",
        "quotes and spaces": b'a="x; y"; session=%s',
        "no value": b"flag; session=%s; =x",
        "a comma": b"a=1, 2; session=%s",
    }.items():
        headers = {"Cookie": cookie % session_id.encode()}
        view = requests.get(f"{URL}/api/session", headers=headers, timeout=TIMEOUT)
        report.equal(f"the session is found beside a cookie with {name}", view.status_code, 200)


def odd_json(report):
    """A login is a JSON object with two members, and nothing else."""
    name, password = LOGIN["username"], LOGIN["password"]
    json = {"Content-Type": "application/json"}
    for what, body in {
        "an array": f'["{name}", "{password}"]',
        "an array in an array": f'[["{name}", "{password}"]]',
        "a string": f'"{name}"',
        "null": "null",
        "a number": "1",
        "two objects": f'{{"username": "{name}", "password": "{password}"}}{{}}',
        "a third member": f'{{"username": "{name}", "password": "{password}", "x": 1}}',
        "a member twice": f'{{"username": "{name}", "username": "{name}", "password": "{password}"}}',
        "a list as a name": f'{{"username": ["{name}"], "password": "{password}"}}',
        "nothing": "",
    }.items():
        reply = requests.post(
            f"{URL}/api/session/start", data=body, headers=json, timeout=TIMEOUT
        )
        report.equal(f"{what} is no login", reply.status_code, 400)
        kind = reply.headers.get("Content-Type")
        report.equal(f"the refusal of {what} is a problem", kind, "application/problem+json")


def concurrent_logins(report):
    """A class shares an account: right passwords are never too many attempts."""

    def login(_):
        reply = requests.post(f"{URL}/api/session/start", json=LOGIN, timeout=4 * TIMEOUT)
        return reply.status_code

    with ThreadPoolExecutor(CONCURRENT_LOGINS) as pool:
        statuses = list(pool.map(login, range(CONCURRENT_LOGINS)))
    report.check(
        f"{CONCURRENT_LOGINS} logins at once with the right password succeed",
        statuses == [200] * CONCURRENT_LOGINS,
        statuses,
    )


def program(report):
    session_id = cookie_jar(report)
    odd_cookies(report, session_id)
    odd_json(report)
    concurrent_logins(report)


main(program)
