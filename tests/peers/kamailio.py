"""Kamailio as a carrier (registrar with digest, Record-Route) and as an edge before a centre (Path)."""

import asyncio
import tempfile
from pathlib import Path

from tests.peers.certificates import Certificate
from tests.peers.peer import Peer
from tests.peers.ports import free_port
from tests.peers.process import WAIT_S, PeerFailed, PeerMissing, PeerProcess, program

MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"

BEGINNING = """\
#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
{tls}
"""

TLS = """\
enable_tls=yes
listen=tls:{host}:{port}
loadmodule "tls.so"
modparam("tls", "certificate", "{certificate.file}")
modparam("tls", "private_key", "{certificate.key}")
modparam("tls", "tls_method", "TLSv1.2+")
"""

WITHIN = """\
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
        sl_send_reply("404", "Not Here"); exit;
    }}
    t_check_trans();
"""
"""What every request goes through first: hops, cancellations, requests within dialogs."""

CONFIG = (
    BEGINNING
    + """\
loadmodule "tmx.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "use_path", 0)
modparam("registrar", "max_expires", 3600)

request_route {{
"""
    + WITHIN
    + """\
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
        save("location"); exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    record_route();
    if ($rU =~ "^{outside}") {{
        if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{ proxy_challenge("{realm}", "1"); exit; }}
        consume_credentials();
        $du = "sip:{carrier}";
        t_relay(); exit;
    }}
    $ru = "sip:{account}@{realm}";
    if (!lookup("location")) {{ sl_send_reply("480", "Not Registered"); exit; }}
    t_relay();
}}
"""
)

EDGE = (
    BEGINNING
    + """\
loadmodule "path.so"

request_route {{
"""
    + WITHIN
    + """\
    if (is_method("REGISTER")) {{ add_path(); $du = "sip:{carrier}"; t_relay(); exit; }}
    record_route();
    if (is_present_hf("Route")) {{ loose_route(); t_relay(); exit; }}
    $du = "sip:{carrier}";
    t_relay();
}}
"""
)
"""Phones and carriers send to it, it sends all to the centre (`carrier`); the centre's calls go by Path."""


class Kamailio(Peer):
    """A carrier with one customer: numbers like `outside` go to `carrier`, others to the customer."""

    def __init__(
        self,
        account: str,
        password: str,
        *,
        carrier: str = "127.0.0.1:9",
        outside: str = r"\+33199",
        realm: str = "carrier.test",
        host: str = "127.0.0.1",
        port: int = 0,
        folder: Path | None = None,
        config: str = CONFIG,
        certificate: Certificate | None = None,
    ) -> None:
        """`certificate`: it takes TLS too, on `tls_port`. Raises `PeerMissing` without its tls module."""
        self.host = host
        self.port = port or free_port(host)
        self.tls_port = free_port(host)
        self.realm = realm
        tls = ""
        if certificate is not None:
            if not any((Path(folder) / "tls.so").exists() for folder in MODULES.split(":")):
                raise PeerMissing("Kamailio's TLS is missing: apt-get install kamailio-tls-modules")
            tls = TLS.format(host=host, port=self.tls_port, certificate=certificate)
        self.folder = folder or Path(tempfile.mkdtemp(prefix="kamailio-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "kamailio.cfg"
        file.write_text(
            config.format(
                host=host,
                port=self.port,
                modules=MODULES,
                realm=realm,
                password=password,
                account=account,
                carrier=carrier,
                outside=outside,
                tls=tls,
            ),
            encoding="utf-8",
        )
        argv = [program("kamailio"), "-f", str(file), "-DD", "-E", "-m", "32", "-M", "4"]
        argv += ["-Y", str(self.folder), "-P", str(self.folder / "pid"), "-w", str(self.folder)]
        self._process = PeerProcess("kamailio", argv, self.folder)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def start(self, timeout_s: float = WAIT_S) -> None:
        """Until it takes connections."""
        await self._process.start()
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    _, writer = await asyncio.open_connection(self.host, self.port)
                except OSError:
                    if not self._process.running:
                        raise PeerFailed(self._process.words("ended at once")) from None
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def stop(self) -> None:
        await self._process.stop()

    def tail(self) -> str:
        return self._process.tail()
