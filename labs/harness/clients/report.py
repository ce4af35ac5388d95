"""The result of a client program: one line for each check, in TAP (Test Anything Protocol)."""

import os
import sys
import traceback

import requests

URL = os.environ.get("LAB_URL", "").rstrip("/")
"""The base URL of the balancer."""

USER = os.environ.get("LAB_USER", "alice")
PASSWORD = os.environ.get("LAB_PASSWORD", "")
LOGIN = {"username": USER, "password": PASSWORD}

TIMEOUT = 30
"""Seconds that a call may take on a busy machine."""


def credential():
    """Logs in, and returns the header of the design: a session or a token."""
    started = requests.post(f"{URL}/api/session/start", json=LOGIN, timeout=TIMEOUT)
    if started.ok:
        return {"X-Session-ID": started.json()["session_id"]}
    issued = requests.post(f"{URL}/api/token", json=LOGIN, timeout=TIMEOUT)
    issued.raise_for_status()
    return {"Authorization": f"Bearer {issued.json()['access_token']}"}


class Report:
    """Counts checks. Without any check the program fails, because it tested nothing."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, holds, seen=""):
        """Prints whether a check holds, and what was seen if it does not."""
        number = self.passed + self.failed + 1
        if holds:
            self.passed += 1
            print(f"ok {number} - {name}", flush=True)
        else:
            self.failed += 1
            print(f"not ok {number} - {name}\n# seen: {seen}", flush=True)
        return holds

    def equal(self, name, seen, *expected):
        """Checks that a value is one of those expected."""
        return self.check(name, seen in expected, f"{seen!r}, expected {expected!r}")

    def end(self):
        """Prints the plan and ends the program: 0 if all checks hold, otherwise 1."""
        print(f"1..{self.passed + self.failed}", flush=True)
        sys.exit(0 if self.passed and not self.failed else 1)


def main(program):
    """Runs a client program; an exception is a failed check."""
    if not URL:
        sys.exit("set LAB_URL to the base URL of a server, LAB_USER and LAB_PASSWORD to an account")
    report = Report()
    try:
        program(report)
    except Exception:  # any error of a client library is a finding
        report.check("the program ran to its end", False, traceback.format_exc())
    report.end()
