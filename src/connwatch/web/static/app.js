// The attempts table, kept current by the event stream. Log text reaches the document through textContent only.

import { piece, stageName, waterfall } from "./waterfall.js";

const A_PAGE = 100;
const SOURCES_EVERY = 10_000; // milliseconds
const attempts = new Map();
const told = new Set(); // attempts that the stream spoke of since the list was last asked for
const $ = (id) => document.getElementById(id);
let chosen = null;
let most = A_PAGE; // rows that are kept: one page more each time that older ones are asked for
let older = null; // where the next page begins

const clock = (iso) => iso.slice(0, 10) + " " + iso.slice(11, 19);

function trail(attempt) {
  const made = document.createDocumentFragment();
  for (const stage of attempt.stages) {
    const seen = stage.state === "seen";
    if (!seen && stage.stage !== attempt.stuck_at) continue;
    const refused = seen && stage.status >= 400 && stage.stage === attempt.stuck_at;
    const box = piece("span", stageName(stage.stage), seen ? (refused ? "refused" : "seen") : "stuck");
    box.title = seen ? `${stage.status ?? ""} ${stage.at}` : "did not come";
    made.append(box);
  }
  if (attempt.stuck_at === "reach") made.append(piece("span", "reach", "refused"));
  return made;
}

function row(attempt) {
  const made = $("row").content.firstElementChild.cloneNode(true);
  made.dataset.id = attempt.id;
  made.classList.toggle("is-open", attempt.open);
  made.classList.toggle("chosen", attempt.id === chosen);
  made.querySelector(".at").textContent = clock(attempt.started_at);
  made.querySelector(".client").textContent = attempt.client;
  made.querySelector(".server").textContent = attempt.server;
  made.querySelector(".trail").append(trail(attempt));
  const outcome = made.querySelector(".outcome");
  outcome.textContent = attempt.outcome;
  outcome.classList.add(attempt.outcome);
  const first = attempt.diagnoses[0];
  const why = made.querySelector(".why");
  why.textContent = first ? first.code : "";
  why.title = first ? first.summary : "";
  return made;
}

function wanted(attempt) {
  return ($("client").value === "" || attempt.client === $("client").value)
    && ($("outcome").value === "" || attempt.outcome === $("outcome").value)
    && ($("probes").checked || attempt.outcome !== "probe" || $("outcome").value === "probe");
}

function choices(id, values) {
  const select = $(id);
  const known = new Set([...select.options].map((option) => option.value));
  for (const value of [...values].sort()) if (!known.has(value)) select.append(new Option(value, value));
}

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const all = [...attempts.values()].sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
    choices("client", new Set(all.map((one) => one.client)));
    choices("outcome", new Set(all.map((one) => one.outcome)));
    const focused = document.activeElement?.dataset?.id;
    const shown = all.slice(0, most);
    for (const old of all.slice(most)) attempts.delete(old.id);
    $("attempts").replaceChildren(...shown.map(row));
    $("none").hidden = shown.length > 0;
    $("older").hidden = older === null;
    if (focused) $("attempts").querySelector(`tr[data-id="${CSS.escape(focused)}"]`)?.focus();
  });
}

async function show(id) {
  chosen = id;
  history.replaceState(null, "", `#${id}`);
  draw();
  const answer = await fetch(`/api/attempts/${encodeURIComponent(id)}`);
  if (!answer.ok || chosen !== id) return;
  const attempt = await answer.json();
  const box = $("detail");
  const close = piece("button", "close");
  close.addEventListener("click", () => {
    chosen = null;
    history.replaceState(null, "", "/");
    box.hidden = true;
    draw();
  });
  box.replaceChildren(close, ...waterfall(attempt));
  box.hidden = false;
}

function listen(position) {
  const stream = new EventSource(`/api/changes?after=${encodeURIComponent(position)}`);
  const link = $("link");
  stream.addEventListener("open", () => { link.textContent = "live"; link.className = "live"; });
  stream.addEventListener("error", () => { link.textContent = "not connected; trying again"; link.className = "cut"; });
  const take = (event) => {
    const { attempt } = JSON.parse(event.data);
    told.add(attempt.id);
    if (wanted(attempt)) attempts.set(attempt.id, attempt);
    else attempts.delete(attempt.id);
    choices("client", [attempt.client]);
    choices("outcome", [attempt.outcome]);
    if (attempt.id === chosen) show(chosen);
    draw();
  };
  for (const kind of ["opened", "reached", "updated", "closed", "evicted"]) stream.addEventListener(kind, take);
  stream.addEventListener("withdrawn", (event) => {
    const { attempt } = JSON.parse(event.data);
    told.add(attempt.id);
    attempts.delete(attempt.id);
    draw();
  });
  stream.addEventListener("lost", () => { stream.close(); start(); });
}

// One page of what is chosen. What the stream brought since the question was asked is newer than the answer.
async function load(after) {
  const asked = new URLSearchParams({ limit: A_PAGE });
  if ($("client").value) asked.set("client", $("client").value);
  if ($("outcome").value) asked.set("outcome", $("outcome").value);
  else if (!$("probes").checked) asked.set("outcome", "[!p]*"); // every outcome but "probe"
  if (after) asked.set("after", after);
  told.clear();
  const answer = await fetch(`/api/attempts?${asked}`);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const page = await answer.json();
  for (const attempt of page.attempts) if (!told.has(attempt.id)) attempts.set(attempt.id, attempt);
  older = page.next;
  draw();
  return page.position;
}

async function start() {
  try {
    listen(await load(null));
  } catch {
    $("link").textContent = "not connected; trying again";
    setTimeout(start, 2000);
  }
}

const unread = () => { $("link").textContent = "the attempts cannot be read now"; $("link").className = "cut"; };

function choose() {
  attempts.clear();
  most = A_PAGE;
  load(null).catch(unread);
}

function more() {
  most += A_PAGE;
  load(older).catch(unread);
}

function source(one) {
  const made = document.createElement("li");
  const state = one.deaf ? "deaf" : one.state.replace("_", " ");
  made.append(piece("span", one.name, "name"), piece("span", state, one.deaf ? "down" : one.state), piece("span", `${one.lines} lines`, "count"));
  const lost = Object.entries(one.gaps).map(([reason, count]) => `${count} gaps (${reason})`);
  const said = [one.unparsed ? `${one.unparsed} in no known format` : "", ...lost, one.note, one.warning].filter(Boolean).join("; ");
  if (said) made.append(piece("span", said, "note"));
  made.title = one.delivery;
  return made;
}

async function look() {
  try {
    const answer = await (await fetch("/api/sources")).json();
    $("sources").replaceChildren(...answer.sources.map(source), ...(answer.state.note ? [piece("li", `state: ${answer.state.note}`, "note")] : []));
  } catch {
    $("sources").replaceChildren();
  }
}

const pick = (event) => {
  const line = event.target.closest("tr[data-id]");
  if (line) show(line.dataset.id);
};
$("attempts").addEventListener("click", pick);
$("attempts").addEventListener("keydown", (event) => { if (event.key === "Enter") pick(event); });
for (const id of ["client", "outcome", "probes"]) $(id).addEventListener("change", choose);
$("older").addEventListener("click", more);
start();
look();
if (location.hash.length > 1) show(decodeURIComponent(location.hash.slice(1)));
setInterval(look, SOURCES_EVERY);
