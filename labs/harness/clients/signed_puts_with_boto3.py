"""boto3 and requests: signed PUTs to the bucket, and the objects that they leave."""

import os

import boto3
import requests
from botocore.config import Config
from report import TIMEOUT, URL, credential, main

BUCKET = os.environ.get("LAB_BUCKET", "")
CONTENT = b"signed" * 100_000


def bucket_client():
    return boto3.client(
        "s3",
        endpoint_url=os.environ["LAB_S3_URL"],
        aws_access_key_id=os.environ["LAB_S3_KEY"],
        aws_secret_access_key=os.environ["LAB_S3_SECRET"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def start(headers, size):
    body = {"name": "signed.bin", "content_type": "application/octet-stream", "size": size}
    return requests.post(f"{URL}/api/uploads/start", json=body, headers=headers, timeout=TIMEOUT)


def complete(headers, upload):
    body = {"upload_id": upload["upload_id"]}
    return requests.post(
        f"{URL}/api/uploads/complete", json=body, headers=headers, timeout=TIMEOUT
    )


def put(upload, content):
    return requests.put(
        requests.compat.urljoin(URL, upload["url"]),
        data=content,
        headers=upload["headers"],
        timeout=TIMEOUT,
    )


def objects(bucket):
    pages = bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}


def program(report):
    headers = credential()
    bucket = bucket_client()

    upload = start(headers, len(CONTENT)).json()
    early = complete(headers, upload)
    report.equal("an upload without bytes is incomplete", early.status_code, 409)
    report.check("the signed PUT succeeds", put(upload, CONTENT).ok)
    created = complete(headers, upload)
    report.equal("the upload is completed", created.status_code, 201)
    again = complete(headers, upload)
    report.equal("a second completion has the same file", again.json(), created.json())
    path = f"{created.headers['Location']}/content"
    stored = requests.get(f"{URL}{path}", headers=headers, timeout=TIMEOUT)
    report.check("the file has all bytes", stored.content == CONTENT, len(stored.content))
    sizes = list(objects(bucket).values())
    report.equal("the bucket has one object of that size", sizes.count(len(CONTENT)), 1)

    other = start(headers, 10).json()
    longer = put(other, b"x" * 20)
    report.check(
        "more bytes than announced make no file",
        not longer.ok or complete(headers, other).status_code >= 400,
        longer.status_code,
    )
    tampered = {**other, "url": other["url"].replace(other["upload_id"], upload["upload_id"])}
    report.check("a changed URL is refused", put(tampered, b"x" * 10).status_code >= 400)

    deleted = requests.delete(
        f"{URL}{created.headers['Location']}", headers=headers, timeout=TIMEOUT
    )
    report.equal("the file is deleted", deleted.status_code, 200)
    gone = requests.get(f"{URL}{path}", headers=headers, timeout=TIMEOUT)
    report.equal("a deleted file is gone", gone.status_code, 404)


main(program)
