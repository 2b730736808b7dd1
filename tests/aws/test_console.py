"""The web console's upload, with a bucket in memory."""

import sys
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import upload_console  # noqa: E402

NOW = datetime(2030, 1, 31, tzinfo=UTC)


class Bucket:
    def __init__(self, old):
        self.objects = {name: {"LastModified": NOW - timedelta(days=days)} for name, days in old.items()}
        self.order = []

    def put_object(self, *, Bucket, Key, **rest):  # noqa: N803
        self.order.append(Key)
        self.objects[Key] = {"LastModified": NOW, **rest}

    def delete_object(self, *, Bucket, Key):  # noqa: N803
        del self.objects[Key]

    def get_paginator(self, _):
        return self

    def paginate(self, *, Bucket, Prefix):  # noqa: N803
        yield {"Contents": [{"Key": name, **item} for name, item in self.objects.items() if name.startswith(Prefix)]}


class Upload(unittest.TestCase):
    def test_the_document_comes_last_and_open_pages_keep_their_assets(self):
        bucket = Bucket({"assets/last-week.js": 7, "assets/last-year.js": 365})
        with tempfile.TemporaryDirectory() as folder:
            dist = Path(folder)
            for name in ("index.html", "favicon.svg", "assets/index-1.js", ".vite/manifest.json", ".gitignore"):
                (dist / name).parent.mkdir(exist_ok=True)
                (dist / name).write_text(name)
            self.assertEqual(upload_console.upload(bucket, "console", dist, NOW), (3, 1))
        self.assertEqual(bucket.order, ["assets/index-1.js", "favicon.svg", "index.html"])
        self.assertIn("assets/last-week.js", bucket.objects)
        self.assertEqual(bucket.objects["index.html"]["CacheControl"], "no-cache")
        self.assertEqual(bucket.objects["assets/index-1.js"]["ContentType"], "text/javascript; charset=utf-8")
        self.assertIn("immutable", bucket.objects["assets/index-1.js"]["CacheControl"])

    def test_an_unbuilt_console_is_refused(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SystemExit) as refused:
            upload_console.files(Path(folder))
        self.assertIn("make console", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
