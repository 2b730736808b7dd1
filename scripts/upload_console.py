#!/usr/bin/env python3
"""Brings the built web console to a stack that serves one (parameter `Console=true`).

    upload_console.py STACK [DIST]

Assets go first and the document last, so that it never names what is not there. Assets of older builds stay for a page that is
still open; they are removed when they are older than 30 days. A stack without a console is left as it is.
"""

import mimetypes
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3

DIST = Path(__file__).resolve().parents[1] / "console/dist"
KEPT = timedelta(days=30)
LASTING = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8"}


def files(dist):
    """The console's files by name, the document last."""
    found = {}
    for path in sorted(dist.rglob("*")):
        name = path.relative_to(dist)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            found[name.as_posix()] = path
    if "index.html" not in found:
        sys.exit(f"{dist} holds no console: run make console")
    return dict(sorted(found.items(), key=lambda item: item[0] == "index.html"))


def headers(name):
    """How a file is served."""
    kind = TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return {"ContentType": kind, "CacheControl": LASTING if name.startswith("assets/") else "no-cache"}


def upload(s3, bucket, dist, now):
    """Writes the files that are there, and removes assets of older builds after a while."""
    present = files(dist)
    for name, path in present.items():
        s3.put_object(Bucket=bucket, Key=name, Body=path.read_bytes(), **headers(name))
    old = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="assets/"):
        old += [item["Key"] for item in page.get("Contents", []) if item["Key"] not in present and now - item["LastModified"] > KEPT]
    for name in old:
        s3.delete_object(Bucket=bucket, Key=name)
    return len(present), len(old)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    stack, dist = sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else DIST
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    bucket = outputs.get("ConsoleBucketName")
    if bucket is None:
        print(f"{stack} serves no web console (parameter Console)")
        return
    written, removed = upload(boto3.client("s3"), bucket, dist, datetime.now(UTC))
    boto3.client("cloudfront").create_invalidation(
        DistributionId=outputs["ConsoleDistributionId"],
        InvalidationBatch={"Paths": {"Quantity": 2, "Items": ["/", "/index.html"]}, "CallerReference": str(uuid.uuid4())},
    )
    print(f"{outputs['ConsoleUrl']}: {written} files written, {removed} old ones removed")


if __name__ == "__main__":
    main()
