"""The script of the bare chat page (docs/channels/webchat.md has the frames).

One conversation a tab. What was said, the visitor's token and what is not acknowledged yet stand in the tab's
own storage, so that a reload goes on; they are forgotten there when the conversation ends. One socket at a
time: what an older one still says is not heard. What anybody wrote is put in as text, never as markup.
"""

SCRIPT = """
"use strict";
(() => {
const path = PATH, key = "ccd-chat " + path, most = 200, byId = id => document.getElementById(id);
const log = byId("log"), form = byId("form"), box = byId("text"), who = byId("name");
const go = byId("go"), bye = byId("bye"), told = byId("status");
const prefix = Date.now().toString(36) + Math.random().toString(36).slice(2, 8) + "-", drawn = new Map();
let state = load(), socket = null, ready = false, over = false, refused = false;
let delay = 1000, timer = 0, number = 0;

function fresh() { return {token: "", link: "", last: "", answered: false, lines: []}; }
function load() {
  try { return {...fresh(), ...JSON.parse(sessionStorage.getItem(key))}; } catch { return fresh(); }
}
function save() {  // storage that is full or forbidden costs nothing but the way back after a reload
  state.lines = state.lines.slice(-most);
  try { sessionStorage.setItem(key, JSON.stringify(state)); } catch { }
  who.hidden = !!state.token;
  bye.hidden = !ready;
}
function tell(words) { told.textContent = words; }
function draw(line) {
  const shown = document.createElement("p");
  shown.className = line.kind + (line.waits ? " waits" : "") + (line.failed ? " failed" : "");
  shown.textContent = line.text;
  log.append(shown);
  log.scrollTop = log.scrollHeight;
  if (line.id) drawn.set(line.id, shown);
}
function add(line) { state.lines.push(line); save(); draw(line); }
function note(text) { add({kind: "note", text: text}); }
function waiting() { return state.lines.filter(line => line.waits); }
function settle(id, mark) {
  const line = waiting().find(each => each.id === id);
  if (!line) return null;
  line.waits = false;
  if (mark) line[mark] = true;
  const shown = drawn.get(id);
  if (shown) { shown.classList.remove("waits"); if (mark) shown.classList.add(mark); }
  save();
  return line;
}
function send(frame) { socket.send(JSON.stringify(frame)); }
function connect() {
  clearTimeout(timer);
  go.hidden = true;
  if (socket) return;
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  const mine = socket = new WebSocket(scheme + location.host + path);
  mine.onopen = () => send({type: "hello", name: who.value, token: state.link ? "" : state.token,
                            after: state.last, link: state.link});
  mine.onmessage = event => { if (socket === mine) receive(JSON.parse(event.data)); };
  mine.onclose = event => {
    if (socket !== mine) return;
    socket = null; ready = false;
    save();
    closed(event.code);
  };
}
function closed(code) {
  if (over) { if (waiting().length) connect(); return; }
  if (code === 4001) { tell("The conversation goes on in another window."); return; }
  if (code === 1008) { tell("The connection was closed. Write again to go on."); return; }
  if (refused) delay = Math.max(delay, 5000);
  else tell("The connection is lost. Trying again\\u2026");
  timer = setTimeout(connect, delay);
  delay = Math.min(delay * 2, 30000);
}
function welcome(frame) {
  if (state.token && !frame.resumed) {
    note("The former conversation is over. What you write begins a new one.");
    state.last = ""; state.answered = false;
  }
  ready = true; over = refused = false; delay = 1000;
  state.token = frame.token; state.link = "";
  tell("");
  save();
  for (const line of waiting()) send({type: "text", id: line.id, text: line.text});
}
function receive(frame) {
  if (frame.type === "welcome") {
    welcome(frame);
  } else if (frame.type === "ack") {
    settle(frame.id, "");
  } else if (frame.type === "text") {
    state.last = frame.id;
    if (state.lines.some(line => line.id === frame.id)) save();
    else add({kind: "agent", text: frame.text, id: frame.id});
  } else if (frame.type === "position") {
    const parts = [];
    if (frame.position) parts.push("Your place in the queue: " + frame.position + ".");
    if (frame.wait_min) parts.push("Expected wait: about " + frame.wait_min + " min.");
    tell(parts.join(" "));
  } else if (frame.type === "answered") {
    tell("");
    if (!state.answered) { state.answered = true; note("You are connected."); }
  } else if (frame.type === "ended") {
    const unsent = waiting();
    over = true; ready = false;
    note("The conversation has ended.");
    tell("");
    state = {...fresh(), lines: unsent};
    save();
  } else if (frame.type === "fault" && frame.id) {
    const line = settle(frame.id, "failed");
    note("Not sent: " + frame.problem);
    if (line && !box.value) box.value = line.text;
  } else if (frame.type === "fault") {
    refused = !ready;
    tell(frame.problem[0].toUpperCase() + frame.problem.slice(1) + ".");
  }
}
form.addEventListener("submit", event => {
  event.preventDefault();
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  box.focus();
  const id = prefix + (++number);
  add({kind: "me", text: text, id: id, waits: true});
  if (ready) send({type: "text", id: id, text: text});
  else { delay = 1000; connect(); }
});
bye.addEventListener("click", () => { if (ready) send({type: "bye"}); });
go.addEventListener("click", () => {
  state = {...fresh(), link: state.link};
  log.replaceChildren();
  connect();
});
addEventListener("online", () => { if (!socket && state.token) connect(); });

if (location.hash.length > 1) {
  state.link = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
}
save();
state.lines.forEach(draw);
if (state.link) go.hidden = false;
else if (state.token || waiting().length) connect();
})();
"""
