"""PyJWT and PyJWKClient: every good token is accepted while the signing keys rotate.

A resource server keeps the key set for a while and fetches it again for an unknown key id. Some
keep to a fixed interval instead: they know only the keys of the last fetch.
"""

import os
import time

import jwt
import requests
from report import LOGIN, TIMEOUT, URL, main

OPERATOR = {
    "username": os.environ.get("LAB_OPERATOR", ""),
    "password": os.environ.get("LAB_OPERATOR_PASSWORD", ""),
}

ROTATIONS = 2
KEY_SET = f"{URL}/.well-known/jwks.json"


def token(account):
    reply = requests.post(f"{URL}/api/token", json=account, timeout=TIMEOUT)
    reply.raise_for_status()
    return reply.json()["access_token"]


def verify(access_token, key):
    """Checks a token as RFC 9068, section 4, asks of a resource server."""
    claims = jwt.decode(access_token, options={"verify_signature": False})
    return jwt.decode(
        access_token, key, algorithms=["EdDSA", "RS256", "ES256"], audience=claims["aud"],
        issuer=claims["iss"], options={"require": ["exp", "iss", "sub", "aud"]},
    )


def max_age():
    """The seconds for which a client may keep the key set."""
    header = requests.get(KEY_SET, timeout=TIMEOUT).headers.get("Cache-Control", "")
    ages = [part.split("=")[1] for part in header.split(",") if "max-age" in part]
    return int(ages[0]) if ages else None


def forged(report, client, good):
    """A token with another algorithm or another body is refused by the server."""
    claims = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    head, body, signature = good.split(".")
    for name, bad in {
        "no algorithm": jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
        "HS256 with a guessed key": jwt.encode(
            claims, "0123456789abcdef" * 4, algorithm="HS256", headers={"kid": kid}
        ),
        "an unknown key": f"{head}.{body}.{signature[::-1]}",
        "no signature": f"{head}.{body}.",
    }.items():
        reply = requests.get(
            f"{URL}/api/files", headers={"Authorization": f"Bearer {bad}"}, timeout=TIMEOUT
        )
        report.equal(f"a token with {name} is refused", reply.status_code, 401)


def rotations(report, age):
    """A client that fetches the keys only when max-age says so accepts every token."""
    fetched, keys = 0.0, None
    refused, verified, seen = [], 0, set()
    waited = time.monotonic() + 4 * ROTATIONS * (age + 5) + TIMEOUT
    operator = {"Authorization": f"Bearer {token(OPERATOR)}"}
    rotate = f"{URL}/api/admin/keys/rotate"
    asked = requests.post(rotate, headers=operator, timeout=TIMEOUT)
    report.equal("an operator rotates the keys", asked.status_code, 200)
    rotated = 1
    while len(seen) <= rotated and time.monotonic() < waited:
        if time.monotonic() - fetched >= age:
            document = requests.get(KEY_SET, timeout=TIMEOUT).json()
            keys = {key["kid"]: jwt.PyJWK(key).key for key in document["keys"]}
            fetched = time.monotonic()
        access_token = token(LOGIN)
        kid = jwt.get_unverified_header(access_token)["kid"]
        seen.add(kid)
        if kid in keys:
            verify(access_token, keys[kid])
            verified += 1
        else:
            refused.append(kid)
        if len(seen) > rotated and rotated < ROTATIONS:
            operator = {"Authorization": f"Bearer {token(OPERATOR)}"}
            requests.post(rotate, headers=operator, timeout=TIMEOUT)
            rotated += 1
        time.sleep(0.05)
    report.equal("the keys were rotated", len(seen), ROTATIONS + 1)
    report.check("good tokens were verified", verified > 10, verified)
    report.equal("no good token had an unknown key", refused, [])


def program(report):
    good = token(LOGIN)
    client = jwt.PyJWKClient(KEY_SET)
    claims = verify(good, client.get_signing_key_from_jwt(good).key)
    report.equal("a token names its user", claims["sub"], LOGIN["username"])
    forged(report, client, good)
    member = {"Authorization": f"Bearer {good}"}
    reply = requests.post(f"{URL}/api/admin/keys/rotate", headers=member, timeout=TIMEOUT)
    report.equal("a member cannot rotate the keys", reply.status_code, 403)
    age = max_age()
    if report.check("the key set says how long it may be kept", age is not None, age):
        rotations(report, age)


main(program)
