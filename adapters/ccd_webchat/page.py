"""The bare chat page: one document without outside resources, under a strict content security policy."""

import base64
import hashlib
import json

from ccd_webchat.page_script import SCRIPT

_STYLE = """
*{box-sizing:border-box}[hidden]{display:none!important}
body{font:16px/1.4 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:40rem;margin:0 auto;
padding:.75rem;display:flex;flex-direction:column;gap:.5rem;height:100vh;height:100dvh}
header{display:flex;align-items:center;justify-content:space-between;min-height:2.5rem}
h1{font-size:1.25rem;margin:0}
#log{flex:1;min-height:0;overflow-y:auto;border:1px solid #bbb;border-radius:.5rem;padding:.5rem}
#log p{margin:.3rem 0;padding:.3rem .6rem;border-radius:.5rem;width:fit-content;max-width:85%;
white-space:pre-wrap;overflow-wrap:anywhere}
#log .me{background:#d9ecff;margin-left:auto}#log .waits{opacity:.6}#log .failed{background:#fbdcdc}
#log .agent{background:#eee}#log .note{color:#555;font-size:.875rem;padding-left:0}
#status{margin:0;min-height:1.25rem;color:#555;font-size:.875rem}
form{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.5rem}#name{grid-column:1/-1}
input,button{font:inherit;padding:.5rem .7rem;border:1px solid #888;border-radius:.4rem;background:#fff;
color:inherit}
button{cursor:pointer}form button,#go{background:#0b5cad;border-color:#0b5cad;color:#fff}
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Chat</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{style}</style></head>
<body><header><h1>Chat</h1><button type="button" id="bye" hidden>End</button></header>
<button type="button" id="go" hidden>Continue our conversation here</button>
<div id="log" role="log" aria-live="polite" tabindex="0" aria-label="Conversation"></div>
<p id="status" role="status"></p>
<form id="form">
<input id="name" maxlength="64" placeholder="Your name" aria-label="Your name" autocomplete="name">
<input id="text" autocomplete="off" placeholder="Your message" aria-label="Your message" autofocus>
<button>Send</button></form>
<script>{script}</script></body></html>
"""


def page(path: str) -> tuple[str, dict[str, str]]:
    """The document for a WebSocket under `path`, and the headers that it needs."""
    script = SCRIPT.replace("PATH", json.dumps(path).replace("<", "\\u003c"), 1)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(_STYLE)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return _PAGE.format(style=_STYLE, script=script), headers


def _hash(text: str) -> str:
    """A CSP source that allows exactly this inline text (CSP level 3, §2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
