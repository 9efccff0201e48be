"""Any ``predict`` behind a prediction route: an HTTP server around it, in a thread of the tests."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import cv2
import numpy as np
import soundfile

from perturbations import Audio
from stress.models import Batch


def value(sent):
    """What a client sent, as it was: PNG of the picture, WAV of the sound, the text."""
    if sent is None or isinstance(sent, str):
        return sent
    data = base64.b64decode(sent["b64"])
    if data[:4] == b"RIFF":
        samples, rate = soundfile.read(BytesIO(data), dtype="float32", always_2d=True)
        return Audio(np.ascontiguousarray(samples.T), rate)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return picture[..., None] if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])


@contextmanager
def served(predict):
    """Serve a ``predict`` that answers rows of numbers, and yield the URL."""
    alone = threading.Lock()  # a network keeps its state between calls

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["instances"]
            batch = Batch({name: [value(each[name]) for each in asked] for name in asked[0]})
            try:
                with alone:
                    code, said = 200, {"predictions": np.asarray(predict(batch), np.float64).tolist()}
            except Exception as error:  # of the model's: a lost stream, for one
                code, said = 400, {"error": repr(error)}
            body = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/models/m:predict"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
