"""The bare chat page: one document without outside resources, under a strict content security policy."""

import base64
import hashlib
import json

_STYLE = """
body{font:16px/1.4 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:1rem;display:flex;
flex-direction:column;height:100vh;box-sizing:border-box}
#log{flex:1;overflow-y:auto;border:1px solid #999;border-radius:.5rem;padding:.5rem}
#log p{margin:.3rem 0;padding:.3rem .6rem;border-radius:.5rem;width:fit-content;max-width:85%;
white-space:pre-wrap;overflow-wrap:anywhere}
.me{background:#d9ecff;margin-left:auto!important}.me.waits{opacity:.55}.agent{background:#eee}
.note{color:#555;font-size:.85rem}form{display:flex;gap:.5rem;margin-top:.5rem}
#text{flex:1}input,button{font:inherit;padding:.4rem}
"""

_SCRIPT = """
"use strict";
const path = PATH, log = document.getElementById("log"), form = document.getElementById("form");
const store = window.sessionStorage, unacknowledged = new Map(), shown = new Set();
const go = document.getElementById("go");
let link = location.hash.slice(1);
if (link) history.replaceState(null, "", location.pathname + location.search);
let socket = null, ready = false, ended = false, last = "", delay = 1000, number = 0;
const prefix = Date.now().toString(36) + Math.random().toString(36).slice(2, 8) + "-";
function show(kind, text) {
  const line = document.createElement("p");
  line.className = kind; line.textContent = text;
  log.append(line); log.scrollTop = log.scrollHeight;
  return line;
}
function send(frame) { socket.send(JSON.stringify(frame)); }
function connect() {
  go.hidden = true;
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  socket = new WebSocket(scheme + location.host + path);
  socket.onopen = () => send({type: "hello", name: document.getElementById("name").value,
                              token: link ? "" : store.getItem("token") || "", after: last, link: link});
  socket.onmessage = event => receive(JSON.parse(event.data));
  socket.onclose = event => {
    ready = false; socket = null;
    if (ended && unacknowledged.size) connect();
    if (ended || event.code === 1008 || event.code === 4001) return;
    setTimeout(connect, delay); delay = Math.min(delay * 2, 30000);
  };
}
function receive(frame) {
  if (frame.type === "welcome") {
    ready = true; ended = false; delay = 1000; link = ""; store.setItem("token", frame.token);
    for (const [id, item] of unacknowledged) send({type: "text", id: id, text: item.text});
  } else if (frame.type === "ack") {
    const item = unacknowledged.get(frame.id);
    if (item) { item.line.classList.remove("waits"); unacknowledged.delete(frame.id); }
  } else if (frame.type === "text") {
    last = frame.id;
    if (!shown.has(frame.id)) { shown.add(frame.id); show("agent", frame.text); }
  } else if (frame.type === "position") {
    if (frame.position) show("note", "Your place in the queue: " + frame.position);
    if (frame.wait_min) show("note", "Expected wait: about " + frame.wait_min + " min");
  } else if (frame.type === "answered") {
    show("note", "You are connected.");
  } else if (frame.type === "ended") {
    ended = true; ready = false; store.removeItem("token"); show("note", "The conversation has ended.");
  } else if (frame.type === "fault") {
    show("note", "Not sent: " + frame.problem);
    if (frame.id) unacknowledged.delete(frame.id);
  }
}
form.addEventListener("submit", event => {
  event.preventDefault();
  const box = document.getElementById("text"), text = box.value.trim();
  if (!text) return;
  box.value = "";
  const id = prefix + (++number), line = show("me waits", text);
  unacknowledged.set(id, {text: text, line: line});
  if (ready) send({type: "text", id: id, text: text});
  else if (!socket) connect();
});
document.getElementById("bye").addEventListener("click", () => { if (ready) send({type: "bye"}); });
go.addEventListener("click", () => { if (!socket) connect(); });
if (link) go.hidden = false;
else if (store.getItem("token")) connect();
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Chat</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{style}</style></head>
<body><h1>Chat</h1><button id="go" hidden>Continue our conversation here</button>
<div id="log" role="log" aria-live="polite"></div>
<form id="form"><input id="name" maxlength="64" placeholder="Your name" aria-label="Your name" size="12">
<input id="text" autocomplete="off" placeholder="Your message" aria-label="Your message" autofocus>
<button>Send</button><button type="button" id="bye">End</button></form>
<script>{script}</script></body></html>
"""


def page(path: str) -> tuple[str, dict[str, str]]:
    """The document for a WebSocket under `path`, and the headers that it needs."""
    script = _SCRIPT.replace("PATH", json.dumps(path).replace("<", "\\u003c"), 1)
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
