"""A prediction route with faults, as a process of its own: `python tests/endpoint_server.py LOG FAULTS [SECRET]`.

It prints its port; every answer that it has sent whole is a line in LOG – the digest of its question – or in
LOG.canary, where the call says that it only asks who the model is. LOG.keys has the name by which its client keeps the
answer, and that digest. FAULTS are names, separated by commas: a question meets them one after the other, and is then
answered; "later:FAULT:N" is met by every call from the Nth on.
With a SECRET only calls that carry it are answered.
"""

import base64
import gzip
import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK, SEEN, CALLS = threading.Lock(), {}, []
FAULTS = [name for name in sys.argv[2].split(",") if name and not name.startswith("later:")]
LATER = [name.split(":")[1:] for name in sys.argv[2].split(",") if name.startswith("later:")]
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


REPLIES = {
    "busy": (429, b"too many", {"retry-after": "0.05"}),
    "broken": (500, b"oops"),
    "refused": (400, b"this picture breaks our rules"),
    "empty": (200, b""),
    "html": (200, b"<html>a login page</html>"),
    "twice": (200, b'{"predictions": [[0, 1], [0, 1]]}'),
    "null": (200, b'{"predictions": [null]}'),
    "denied": (401, b"the key has expired"),
    "moved": (302, b"", {"location": "/login"}),
    "other": (200, b'{"predictions": [[9, -9]]}'),
    "bomb": (200, gzip.compress(b"[" + b" " * 2**27), {"content-encoding": "gzip"}),
    "odd": (429, b"wait", {"retry-after": "nan"}),
    "packed": (200, b"[]", {"content-encoding": "gzip"}),
    "none": (200, b'{"predictions": []}'),
    "gone": (404, b"no such model"),
    "unfit": (422, b'{"detail": "field required: inputs"}'),
}
WRITES = {
    "declined": (None, "I cannot help with that", "stop"),
    "cut": ("It is bright, and furth", None, "length"),
    "silent": (" ", None, "stop"),
    "unsure": ("dark or bright", None, "stop"),
}
"""What a chat model writes, its refusal, and why it ended."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        url = f"http://{self.headers['host']}{self.path}"
        key = hashlib.blake2b(url.encode() + b"\0" + body, digest_size=16).hexdigest()
        with LOCK:
            CALLS.append(key)
            late = next((name for name, first in LATER if len(CALLS) >= int(first)), "")
            place = SEEN[key] = SEEN.get(key, -1) + 1
        if SECRET and self.headers.get("authorization") != f"Bearer {SECRET}":
            self.reply(401, f"wrong key: {self.headers.get('authorization')}".encode())
            return
        fault = late or (FAULTS[place] if place < len(FAULTS) else "")
        if fault:
            self.fault(fault, body)
        else:
            self.answer(key, body)

    def chat(self, body):
        """Say in words how bright the picture of a message is, or which other parts it had."""
        parts = json.loads(body)["messages"][0]["content"]
        pictures = [each["image_url"]["url"].partition(",")[2] for each in parts if each["type"] == "image_url"]
        if not pictures:
            return f"I was given {' '.join(each['type'] for each in parts)}."
        dark, bright = brightness({"image": {"b64": pictures[0]}})
        return f"I see that it is {'BRIGHT' if bright > dark else 'dark'}."

    def answer(self, key, body):
        if self.path.endswith("/chat/completions"):
            message = {"role": "assistant", "content": self.chat(body)}
            self.written(message, "stop", key, json.loads(body))
            return
        rows = [brightness(each) for each in json.loads(body)["instances"]]
        self.sent(key)
        self.reply(200, json.dumps({"predictions": rows}).encode())

    def sent(self, key):
        """Note an answer, before it is sent: what a client has is in the log, however busy the machine is."""
        name = sys.argv[1] + (".canary" if self.headers.get("x-stress-purpose") == "canary" else "")
        with LOCK, open(name, "a") as log, open(f"{sys.argv[1]}.keys", "a") as keys:
            log.write(key + "\n")
            keys.write(f"{self.headers.get('x-stress-answer')} {key}\n")

    def written(self, message, ended, key, request=None):
        self.sent(key)
        usage = {"prompt_tokens": 100, "completion_tokens": len((message["content"] or "").split())}
        if request and request.get("stream"):
            self.streamed(message["content"], ended, usage)
        else:
            reply = {"choices": [{"index": 0, "message": message, "finish_reason": ended}], "usage": usage}
            self.reply(200, json.dumps(reply).encode())

    def streamed(self, text, ended, usage, whole=True):
        """Send an answer word by word, the first after a while, in parts that do not end with a line."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        deltas = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in text.split())]
        events = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        if whole:
            events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": ended}]})
            events.append({"choices": [], "usage": usage})
        data = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events)
        data += b"data: [DONE]\n\n" if whole else b""
        time.sleep(0.05)
        for start in range(0, len(data), 50):
            self.wfile.write(data[start : start + 50])
            self.wfile.flush()
            time.sleep(0.002)

    def fault(self, name, body):
        if name == "nap":
            time.sleep(0.3)
            self.answer("nap", body)
        elif name == "slow":
            time.sleep(3)
            self.reply(200, b'{"predictions": [[0, 1]]}')
        elif name == "torn":
            self.streamed("I see that it", None, {}, whole=False)
        elif name == "half":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"predictions": [[')
            self.close_connection = True
        elif name == "echo":
            self.reply(400, f"got {self.headers.get('authorization')}".encode())
        elif name in WRITES:
            content, refusal, ended = WRITES[name]
            self.written({"role": "assistant", "content": content, "refusal": refusal}, ended, name)
        else:
            self.reply(*REPLIES[name])

    def reply(self, code, body, headers=()):
        self.send_response(code)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    request_queue_size = 512  # of connections that wait to be taken; more are reset

    def handle_error(self, *_):
        """A client that is killed resets its connections."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
