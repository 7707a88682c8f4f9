"""A headless Chromium, driven as DevTools drives it (Chrome DevTools Protocol over a WebSocket).

It has a profile of its own in the test's folder. Input goes in as keys and clicks of a person would, by way
of the browser; what is shown is read from the document.
"""

import asyncio
import base64
import itertools
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.peers.process import PeerFailed, PeerProcess, program

START_S = 30.0
WAIT_S = 10.0
_FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--password-store=basic",
    "--remote-debugging-port=0",
)


class Chromium:
    """`async with Chromium(tmp_path / "browser") as browser: tab = await browser.open(url)`"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._profile = folder / "profile"
        argv = [program("chromium"), *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = PeerProcess("chromium", argv, folder)
        self._client: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def __aenter__(self) -> Self:
        await self._process.start()
        try:
            port, path = await self._address()
            self._client = aiohttp.ClientSession()
            self._socket = await self._client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
            self._reader = asyncio.create_task(self._read(self._socket))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await asyncio.wait([self._reader])
        if self._client is not None:
            await self._client.close()
        await self._process.stop()

    async def _address(self) -> tuple[str, str]:
        """Where it listens: it chose the port itself."""
        file = self._profile / "DevToolsActivePort"
        deadline = asyncio.get_running_loop().time() + START_S
        while True:
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return lines[0], lines[1]
            if not self._process.running or asyncio.get_running_loop().time() > deadline:
                raise PeerFailed(self._process.words("Chromium did not start"))
            await asyncio.sleep(0.02)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            told = json.loads(message.data)
            if "id" in told:
                asked = self._asked.pop(told["id"], None)
                if asked is not None and not asked.done():
                    asked.set_result(told)
            elif told.get("sessionId") in self._tabs:
                self._tabs[told["sessionId"]].heard(told["method"], told["params"])

    async def ask(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        assert self._socket is not None
        number = next(self._ids)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        frame = {"id": number, "method": method, "params": params}
        await self._socket.send_str(json.dumps(frame | ({"sessionId": session} if session else {})))
        try:
            async with asyncio.timeout(START_S):
                told = await asked
        except TimeoutError:
            raise PeerFailed(self._process.words(f"no answer to {method}")) from None
        if "error" in told:
            raise PeerFailed(f"{method} {params}: {told['error']}")
        return dict(told["result"])

    async def open(self, url: str, width: int = 1000, height: int = 700) -> "Tab":
        """A new window."""
        target = (await self.ask("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Log"):
            await self.ask(f"{domain}.enable", session)
        await tab.size(width, height)
        await tab.go(url)
        return tab


class Tab:
    """One window: what a person does there and sees."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        """Exceptions of scripts, and what the security policy forbade."""
        self._loaded = asyncio.Event()

    def heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:1000])
        elif method == "Log.entryAdded" and params["entry"]["source"] == "security":
            self.complaints.append(params["entry"]["text"])

    async def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.ask(method, self._session, **params)

    async def go(self, url: str) -> None:
        """Open an address; until it is loaded."""
        self._loaded.clear()
        found = await self._ask("Page.navigate", url=url)
        if found.get("errorText"):
            raise PeerFailed(f"{url}: {found['errorText']}")
        if "loaderId" in found:  # else only what stands behind # is new
            await self._load()

    async def reload(self) -> None:
        self._loaded.clear()
        await self._ask("Page.reload")
        await self._load()

    async def _load(self) -> None:
        async with asyncio.timeout(START_S):
            await self._loaded.wait()

    async def size(self, width: int, height: int, mobile: bool = False) -> None:
        """Of the window, in CSS pixels."""
        await self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        told = await self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in told:
            raise PeerFailed(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def texts(self, selector: str) -> list[str]:
        """What the visible elements of a CSS selector show."""
        each = f"[...document.querySelectorAll({json.dumps(selector)})]"
        shown = f"{each}.filter(one => one.checkVisibility()).map(one => one.innerText)"
        return list(await self.evaluate(shown))

    async def until(self, selector: str, text: str, timeout_s: float = WAIT_S) -> None:
        """Wait until one of the elements shows exactly this text."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while text not in (found := await self.texts(selector)):
            if asyncio.get_running_loop().time() > deadline:
                whole = await self.evaluate("document.body.innerText")
                raise AssertionError(
                    f"{selector} never showed {text!r}, but {found}; {self.complaints}\n{whole}"
                )
            await asyncio.sleep(0.02)

    async def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element."""
        place = await self.evaluate(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            x, y = place
            await self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, selector: str, text: str, *, enter: bool = False) -> None:
        """Click into a field and write; `enter`: and press Enter."""
        await self.click(selector)
        await self._ask("Input.insertText", text=text)
        if enter:
            key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
            await self._ask("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
            await self._ask("Input.dispatchKeyEvent", type="keyUp", **key)

    async def picture(self, file: Path) -> None:
        """A PNG of what is to be seen."""
        told = await self._ask("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(told["data"]))
