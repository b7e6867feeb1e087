// The attempts table, kept current by the event stream. Log text reaches the document through textContent only.

const MOST_ROWS = 300;
const attempts = new Map();
const $ = (id) => document.getElementById(id);
let chosen = null;

const clock = (iso) => iso.slice(0, 10) + " " + iso.slice(11, 19);
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

function piece(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function trail(attempt) {
  const made = document.createDocumentFragment();
  for (const stage of attempt.stages) {
    const seen = stage.state === "seen";
    if (!seen && stage.stage !== attempt.stuck_at) continue;
    const refused = seen && stage.status >= 400 && stage.stage === attempt.stuck_at;
    const box = piece("span", stage.stage.replace("_", " "), seen ? (refused ? "refused" : "seen") : "stuck");
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
    for (const old of all.slice(MOST_ROWS)) attempts.delete(old.id);
    choices("client", new Set(all.map((one) => one.client)));
    choices("outcome", new Set(all.map((one) => one.outcome)));
    const focused = document.activeElement?.dataset?.id;
    const shown = all.slice(0, MOST_ROWS).filter(wanted);
    $("attempts").replaceChildren(...shown.map(row));
    $("none").hidden = shown.length > 0;
    if (focused) $("attempts").querySelector(`tr[data-id="${CSS.escape(focused)}"]`)?.focus();
  });
}

async function show(id) {
  chosen = id;
  draw();
  const answer = await fetch(`/api/attempts/${encodeURIComponent(id)}`);
  if (!answer.ok || chosen !== id) return;
  const attempt = await answer.json();
  const box = $("detail");
  const close = piece("button", "close");
  close.addEventListener("click", () => { chosen = null; box.hidden = true; draw(); });
  const list = document.createElement("ol");
  for (const step of attempt.steps) {
    const line = document.createElement("li");
    line.append(piece("span", `+${seconds(attempt.started_at, step.started_at).toFixed(1)} s`, "when"), piece("span", step.stage),
      piece("span", step.status ?? "?"), piece("span", `${step.method} ${step.path}${step.link === "exact" ? "" : `  (${step.link})`}`));
    list.append(line);
  }
  box.replaceChildren(close, piece("h2", `${attempt.client} → ${attempt.server}: ${attempt.outcome}${attempt.stuck_at ? ` at ${attempt.stuck_at}` : ""}`), list);
  for (const diagnosis of attempt.diagnoses) {
    box.append(piece("h2", `${diagnosis.code} (${Math.round(diagnosis.confidence * 100)} %)`), piece("p", diagnosis.summary), piece("p", `Next: ${diagnosis.remedy}`));
  }
  box.hidden = false;
}

function listen(position) {
  const stream = new EventSource(`/api/changes?after=${encodeURIComponent(position)}`);
  const link = $("link");
  stream.addEventListener("open", () => { link.textContent = "live"; link.className = "live"; });
  stream.addEventListener("error", () => { link.textContent = "not connected; trying again"; link.className = "cut"; });
  const take = (event) => {
    const { attempt } = JSON.parse(event.data);
    attempts.set(attempt.id, attempt);
    if (attempt.id === chosen) show(chosen);
    draw();
  };
  for (const kind of ["opened", "reached", "updated", "closed", "evicted"]) stream.addEventListener(kind, take);
  stream.addEventListener("withdrawn", (event) => { attempts.delete(JSON.parse(event.data).attempt.id); draw(); });
  stream.addEventListener("lost", () => { stream.close(); start(); });
}

async function start() {
  try {
    const answer = await (await fetch("/api/attempts?limit=300")).json();
    for (const attempt of answer.attempts) attempts.set(attempt.id, attempt);
    draw();
    listen(answer.position);
  } catch {
    $("link").textContent = "not connected; trying again";
    setTimeout(start, 2000);
  }
}

const pick = (event) => {
  const line = event.target.closest("tr[data-id]");
  if (line) show(line.dataset.id);
};
$("attempts").addEventListener("click", pick);
$("attempts").addEventListener("keydown", (event) => { if (event.key === "Enter") pick(event); });
for (const id of ["client", "outcome", "probes"]) $(id).addEventListener("change", draw);
start();
