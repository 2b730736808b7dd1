"""As much of a WebSocket client as the deployment test needs (RFC 6455): texts, without extensions."""

import base64
import json
import os
import socket
import struct
from urllib.parse import urlsplit


class WebSocket:
    """A connection; ends with its `with` block."""

    def __init__(self, url, host=None, origin=None, timeout=30):
        parts = urlsplit(url)
        self.stream = socket.create_connection((parts.hostname, parts.port or 80), timeout)
        lines = [
            f"GET {parts.path} HTTP/1.1",
            f"Host: {host or parts.netloc}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        ]
        if origin is not None:
            lines.append(f"Origin: {origin}")
        self.stream.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split(b" ")[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def _more(self):
        got = self.stream.recv(65536)
        if not got:
            raise ConnectionError("the connection has ended")
        self.buffer += got

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def say(self, message):
        """Sends an object."""
        text, mask = json.dumps(message).encode(), os.urandom(4)
        length = struct.pack("!B", 0x80 | len(text)) if len(text) < 126 else struct.pack("!BH", 0x80 | 126, len(text))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
        self.stream.sendall(b"\x81" + length + mask + masked)

    def hear(self):
        """The next object; None at the end."""
        while True:
            kind, length = self._take(2)
            if length == 126:
                (length,) = struct.unpack("!H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._take(8))
            payload = self._take(length)
            if kind & 0x0F == 8:
                return None
            if kind & 0x0F == 1:
                return json.loads(payload)
