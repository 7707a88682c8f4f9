"""The daemon under the bilingual example as it ships, and the services that it asks, on loopback.

Only what a machine has of its own is replaced: ports, folders, addresses, passwords; each replacement must
find its text, so a change of the example is noticed here.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.interop.daemon_site import ROOT, Site

EXAMPLE = ROOT / "conf" / "bilingual"
FRENCH, INTERNATIONAL = "+33199001200", "+33199001201"
ACCOUNT_S = 1.2
"""The accounts are slow: what the caller hears meanwhile is heard."""
SECRET = "env:CCD_INTEROP_PASSWORD"


class Company:
    """The customer database, the accounts and the gateway for text messages."""

    def __init__(self) -> None:
        self.callers: dict[str, dict[str, str]] = {}
        """By number; who is not here is unknown."""
        self.accounts: dict[str, dict[str, str]] | None = {}
        """By customer; None: the server fails."""
        self.asked: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.base = ""

    async def caller(self, request: web.Request) -> web.Response:
        return self._known(request, self.callers.get(request.match_info["number"]))

    async def customer(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        return self._known(request, next((c for c in self.callers.values() if c["id"] == number), None))

    async def account(self, request: web.Request) -> web.Response:
        await asyncio.sleep(ACCOUNT_S)
        if self.accounts is None:
            return web.Response(status=500)
        return self._known(request, self.accounts.get(request.match_info["customer"]))

    async def message(self, request: web.Request) -> web.Response:
        self.sent.append(json.loads(await request.read()))
        return web.Response(status=204)

    def _known(self, request: web.Request, found: dict[str, str] | None) -> web.Response:
        self.asked.append(request.path)
        return web.json_response(found) if found else web.Response(status=404)


@asynccontextmanager
async def company() -> AsyncIterator[Company]:
    """A server that runs."""
    mine = Company()
    app = web.Application()
    app.add_routes(
        [
            web.get("/callers/{number}", mine.caller),
            web.get("/customers/{number}", mine.customer),
            web.get("/accounts/{customer}", mine.account),
            web.post("/messages", mine.message),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mine.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield mine
    finally:
        await runner.cleanup()


class ExampleSite(Site):
    """`async with ExampleSite(folder, base) as site:` with everybody's phone password that of `Site`."""

    def __init__(self, folder: Path, base: str, opened: bool = True) -> None:
        self.base = base
        self.opened = opened
        super().__init__(folder)
        self.agents = ["anna", "ben", "chloe", "driss"]

    def write(self) -> None:
        """The example with what is this machine's, and open or closed today whatever the day is."""
        for file in sorted(EXAMPLE.rglob("*.toml")):
            if file.parent.name == "rehearsals":
                continue
            text = file.read_text(encoding="utf-8")
            for old, new in self._own(file.name).items():
                assert old in text, f"{file} has no longer {old!r}"
                text = text.replace(old, new)
            if file.name == "20-hours.toml":
                text += self._today()
            target = self.folder / file.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def _today(self) -> str:
        now = datetime.now()
        day = timedelta(days=1)
        return (
            "\n[[calendars.office.exceptional]]\n"
            f'from = "{now - day:%Y-%m-%d}"\nuntil = "{now + day:%Y-%m-%d}"\n'
            f'reason = "test"\nopen = {str(self.opened).lower()}\n'
        )

    def _own(self, file: str) -> dict[str, str]:
        tables = self._tables
        daemon, media = tables["daemon"], tables["media"]
        match file:
            case "ccd.toml":
                places = "\n".join(f"{key} = {json.dumps(value)}" for key, value in daemon.items())
                return {
                    "[daemon]\n": f"[daemon]\n{places}\n",
                    'host = "0.0.0.0"\nport = 5060': f'host = "{self.host}"\nport = {self.port}',
                    "[sip]\n": "[sip]\nqualify_s = 0.0\n",
                    "sip.valley.example": "interop.invalid",
                    "port_min = 16384": f'workers = 1\nhost = "{self.host}"\nport_min = {media["port_min"]}',
                    "port_max = 32767": f"port_max = {media['port_max']}",
                    'host = "sip.carrier.example"\nregister = true': (
                        f'host = "{self.host}"\nport = {self.trunk_port}\nsources = ["{self.host}"]\n'
                        "qualify_s = 0.0"
                    ),
                    'username = "valley"\npassword = "credential:trunk-carrier"\n': "",
                    "port = 8080": f"port = {self.chat_port}",
                }
            case "10-people.toml":
                return {f"credential:device-{name}": SECRET for name in ("anna", "ben", "chloe", "driss")}
            case "40-services.toml":
                hosts = ("crm", "billing", "sms")
                keys = ("env:CRM_TOKEN", "env:BILLING_TOKEN", "env:SMS_KEY")
                return {
                    **{f"https://{name}.valley.example": self.base for name in hosts},
                    **dict.fromkeys(keys, SECRET),
                }
            case "55-after.toml":
                return {"sample_pct = 30": "sample_pct = 100", "var.talked_s > 20": "var.talked_s > 1"}
        return {}
