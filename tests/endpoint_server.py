"""A prediction route with faults, as a process of its own: `python tests/endpoint_server.py LOG FAULTS [SECRET]`.

It prints its port; every answer that it has sent whole is a line in LOG. FAULTS are names, separated by commas: a
question meets them one after the other, and is then answered. With a SECRET only calls that carry it are answered.
"""

import base64
import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK, SEEN = threading.Lock(), {}
FAULTS = [name for name in sys.argv[2].split(",") if name]
SECRET = sys.argv[3] if len(sys.argv) > 3 else None


def brightness(instance):
    """How bright the picture is, as logits of dark and bright; of no picture, neither."""
    if instance.get("image") is None:
        return [0.0, 0.0]
    import cv2
    import numpy as np

    data = np.frombuffer(base64.b64decode(instance["image"]["b64"]), np.uint8)
    level = float(cv2.imdecode(data, cv2.IMREAD_COLOR).mean())
    return [128 - level, level - 128]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        key = hashlib.sha256(body).hexdigest()
        with LOCK:
            place = SEEN[key] = SEEN.get(key, -1) + 1
        if SECRET and self.headers.get("authorization") != f"Bearer {SECRET}":
            return self.reply(401, f"wrong key: {self.headers.get('authorization')}".encode())
        fault = FAULTS[place] if place < len(FAULTS) else ""
        return self.fault(fault, body) if fault else self.answer(key, body)

    def answer(self, key, body):
        rows = [brightness(each) for each in json.loads(body)["instances"]]
        self.reply(200, json.dumps({"predictions": rows}).encode())
        with LOCK, open(sys.argv[1], "a") as log:
            log.write(key + "\n")

    def fault(self, name, body):
        if name == "busy":
            self.reply(429, b"too many", {"retry-after": "0.05"})
        elif name == "broken":
            self.reply(500, b"oops")
        elif name == "nap":
            time.sleep(0.3)
            self.answer("nap", body)
        elif name == "slow":
            time.sleep(3)
            self.reply(200, b'{"predictions": [[0, 1]]}')
        elif name == "half":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"predictions": [[')
            self.close_connection = True
        elif name == "refused":
            self.reply(400, b"this picture breaks our rules")
        elif name == "empty":
            self.reply(200, b"")
        elif name == "html":
            self.reply(200, b"<html>a login page</html>")
        elif name == "twice":
            self.reply(200, b'{"predictions": [[0, 1], [0, 1]]}')
        elif name == "null":
            self.reply(200, b'{"predictions": [null]}')
        elif name == "echo":
            self.reply(400, f"got {self.headers.get('authorization')}".encode())

    def reply(self, code, body, headers=()):
        self.send_response(code)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
