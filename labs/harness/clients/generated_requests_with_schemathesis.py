"""schemathesis: requests that are generated from /openapi.json, valid and invalid ones."""

import os
import subprocess
import sys
import tempfile

import requests
from report import TIMEOUT, URL, credential, main

EXAMPLES = os.environ.get("LAB_EXAMPLES", "10")
"""Generated requests of each kind for each call."""

SEED = os.environ.get("LAB_SEED", "1")

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
]

# The calls of another design answer 404.
OTHER_DESIGN = r"/api/token|jwks|/api/admin/keys"

# These end the credential with which the other calls are made.
ENDS_THE_LOGIN = r"/api/session/|/api/account/|/api/admin/"


def generate(*arguments):
    """Runs schemathesis; its exit code and its output as TAP comments."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{URL}/openapi.json",
        "--checks", ",".join(CHECKS),
        "--exclude-path-regex", OTHER_DESIGN,
        "--phases", "examples,coverage,fuzzing",
        "--max-examples", EXAMPLES,
        "--seed", SEED,
        "--request-timeout", str(TIMEOUT),
        "--generation-database", "none",
        "--no-color",
        *arguments,
    ]
    here = os.path.dirname(os.path.abspath(__file__))
    hooks = {**os.environ, "PYTHONPATH": here, "SCHEMATHESIS_HOOKS": "schemathesis_hooks"}
    # It keeps its findings in the folder in which it runs.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=hooks)
    return done.returncode, (done.stdout + done.stderr).replace("\n", "\n# ")


def program(report):
    headers = credential()
    session = [f"--header={name}: {value}" for name, value in headers.items()]
    files = (*session, "--exclude-path-regex", f"{OTHER_DESIGN}|{ENDS_THE_LOGIN}")
    for name, arguments in [
        ("the calls on files", files),
        ("all calls without a credential", ()),
    ]:
        code, output = generate(*arguments)
        report.check(f"generated requests of {name} get documented replies", code == 0, output)
    files = requests.get(f"{URL}/api/files", headers=headers, timeout=TIMEOUT)
    report.equal("the login survives all requests", files.status_code, 200)
    code, output = generate(*session, "--include-path-regex", ENDS_THE_LOGIN)
    report.check("generated requests on the account get documented replies", code == 0, output)


main(program)
