"""A headless Chromium, spoken to through its debugging protocol, for tests that press what a reader presses."""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One tab. ``errors`` are uncaught exceptions, refusals of the page's policy and other complaints of the console;
    ``requests`` what was asked for beside the page itself."""

    def __init__(self, folder: Path):
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"]
        flags += [f"--user-data-dir={folder}", "--no-first-run", "--disable-background-networking", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([CHROMIUM, *flags], **quiet)
        self.loop, self.ids = asyncio.new_event_loop(), itertools.count(1)
        self.errors, self.requests = [], []
        port = self._port(folder / "DevToolsActivePort")
        self.loop.run_until_complete(self._connect(port))
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _port(self, file):
        for _ in range(600):
            if file.exists() and (lines := file.read_text().splitlines()):
                return int(lines[0])
            time.sleep(0.1)
        raise RuntimeError("Chromium did not start")

    async def _connect(self, port):
        from tornado.httpclient import AsyncHTTPClient
        from tornado.websocket import websocket_connect

        answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/json/list")
        page = next(each for each in json.loads(answer.body) if each["type"] == "page")
        self.socket = await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=2**28)

    def call(self, method, until=None, **params):
        """Call a method and return its answer; with ``until``, once that event has come, too."""
        return self.loop.run_until_complete(asyncio.wait_for(self._call(method, until, params), 120))

    async def _call(self, method, until, params):
        number, result = next(self.ids), None
        await self.socket.write_message(json.dumps({"id": number, "method": method, "params": params}))
        while result is None or until:
            said = json.loads(await self.socket.read_message())
            if said.get("id") == number:
                assert "error" not in said, said
                result = said["result"]
            elif said.get("method") == until:
                until = None
            self._note(said)
        return result

    def _note(self, said):
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
        if said.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        if said.get("method") == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:"):
            self.requests.append(params["request"]["url"])

    def open(self, path, **window):
        """Open a file in a window of this size."""
        self.visit(path.as_uri(), **window)

    def visit(self, url, width=1280, height=900, dark=False, script=True, media=""):
        """Open an address in a window of this size."""
        self.errors.clear()
        self.requests.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Page.navigate", until="Page.loadEventFired", url=url)

    def run(self, code):
        """Return what an expression comes to in the page."""
        found = self.call("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def close(self):
        """End the browser."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=30)
        self.loop.close()


def usable():
    """Whether there is a browser to test with."""
    try:
        import tornado  # noqa: F401
    except ImportError:
        return False
    return CHROMIUM is not None and os.name == "posix"
