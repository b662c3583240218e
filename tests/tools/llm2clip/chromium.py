"""A headless Chromium that is told what to do through a pipe: the DevTools protocol, without a library for it."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Chromium:
    """with Chromium() as browser: browser.open(path); browser.value("document.title")"""

    def __init__(self, width=1280, height=900):
        self.size = (width, height)
        self.events = []
        self.count = 0
        self.session = None
        self.waiting = b""

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="llm2clip-chromium-", ignore_cleanup_errors=True)
        to_browser, self.out = os.pipe()
        self.come, from_browser = os.pipe()

        def three_and_four():
            kept = [os.dup(to_browser), os.dup(from_browser)]
            os.dup2(kept[0], 3)
            os.dup2(kept[1], 4)

        self.process = subprocess.Popen(
            [PROGRAM or "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--hide-scrollbars", "--no-first-run", f"--user-data-dir={self.profile.name}",
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=three_and_four, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        width, height = self.size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        os.close(self.out)
        os.close(self.come)
        self.profile.cleanup()

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session and not method.startswith("Target."):
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def read(self):
        while b"\0" not in self.waiting:
            some = os.read(self.come, 1 << 20)
            assert some, "Chromium has ended"
            self.waiting += some
        message, self.waiting = self.waiting.split(b"\0", 1)
        return json.loads(message)

    def open(self, place):
        """Shows a file, or what is at an address, and waits until it is all there."""
        address = place if str(place).startswith("http://") else pathlib.Path(place).resolve().as_uri()
        self.loading(lambda: self.call("Page.navigate", url=address))

    def loading(self, act):
        """Does what shows another page, and waits until that is all there."""
        self.events.clear()
        act()
        end = time.monotonic() + 30
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < end, "the page does not load"
            self.call("Runtime.evaluate", expression="0")

    def wait(self, expression):
        """Until that is true of the page."""
        end = time.monotonic() + 30
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            text = "\r" if key == "Enter" else key if len(key) == 1 else ""
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text)

    def type(self, text):
        """Into what has the focus."""
        self.call("Input.insertText", text=text)

    def named(self, method):
        return [event["params"] for event in self.events if event.get("method") == method]

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
