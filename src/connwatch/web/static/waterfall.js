// One attempt, drawn: every request with its time and its bar, the silences between, what never came, and the diagnoses beneath.
// Must not judge or ask the server anything: all that is said here is in the attempt. Log text reaches the document through textContent only.

const LONG_SILENCE = 5; // seconds between two requests that get a line of their own
const LONGEST_ON_LANE = 1; // seconds: a person's pause is a thousand times a request, so longer silences take no more room on the lane
const LONG_RUN = 4; // more requests alike in a row are shown by their first, their number and their last
const GOOD = ["connected", "reconnected", "renewed"];
const LINKS = { inferred: ["~", "joined by order and time"], ambiguous: ["?", "could belong to another attempt as well"] };

export const stageName = (stage) => stage.replaceAll("_", " ");
const verdict = (attempt) => attempt.outcome + (attempt.stuck_at ? ` at ${stageName(attempt.stuck_at)}` : "");

export function piece(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Whether a refusal is one that good attempts hold too: the challenge itself, a metadata variant that is not there, no standalone stream.
const isExpected = ({ stage, status, method }) => (stage === "challenge" && status === 401)
  || (["resource_metadata", "server_metadata"].includes(stage) && status === 404)
  || (method === "GET" && status === 405);

const moment = (iso) => Date.parse(iso) / 1000;

function lasting(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds) % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function places(evidence) {
  const bySource = new Map();
  for (const { source, line, end_line: last } of [...evidence].sort((a, b) => a.line - b.line)) {
    const ranges = bySource.get(source) ?? [];
    bySource.set(source, ranges);
    const before = ranges.at(-1);
    if (before && line <= before[1] + 1) before[1] = Math.max(before[1], last ?? line);
    else ranges.push([line, last ?? line]);
  }
  const range = ([first, last]) => (first === last ? `${first}` : `${first}-${last}`);
  return [...bySource].map(([source, ranges]) => `${source}:${ranges.map(range).join(", ")}`).join(", ");
}

// Where an instant stands on the lane, as a share of its width.
function scale(steps) {
  const moments = [...new Set(steps.flatMap((step) => [moment(step.started_at), moment(step.at)]))].sort((a, b) => a - b);
  const spots = new Map();
  let spot = 0;
  moments.forEach((at, index) => {
    if (index) spot += Math.min(at - moments[index - 1], LONGEST_ON_LANE);
    spots.set(at, spot);
  });
  return (iso) => spots.get(moment(iso)) / (spot || 1);
}

function bar(step, place) {
  const lane = piece("span", "", "lane");
  const made = piece("span", "", step.status >= 400 && !isExpected(step) ? "bad" : "");
  const from = place(step.started_at) * 100;
  made.style.left = `${from}%`;
  made.style.width = `${place(step.at) * 100 - from}%`;
  lane.append(made);
  return lane;
}

function offset(seconds) {
  return `${seconds < 0 ? "−" : "+"}${Math.abs(seconds).toFixed(3)}`;
}

function line(className, when, link, name, ...rest) {
  const made = piece("li", "", className);
  made.append(piece("span", when, "when"), piece("span", link, "link"), piece("span", name, "stage"), ...rest);
  return made;
}

function request(step, attempt, place) {
  const [sign, meaning] = LINKS[step.link] ?? ["", ""];
  const tone = step.status >= 400 ? (isExpected(step) ? "" : "refused") : "";
  const took = step.duration >= 1 ? ` (${lasting(step.duration)})` : "";
  const made = line(step.link, offset(moment(step.started_at) - moment(attempt.started_at)), sign, stageName(step.stage),
    piece("span", step.status ?? "–", `status ${tone}`), bar(step, place),
    piece("span", `${step.method} ${step.path}${took}${step.actor === "browser" ? " (browser)" : ""}`, "what"),
    piece("span", places(step.evidence), "where"));
  if (meaning) made.title = meaning;
  return made;
}

function beside(mark, attempt) {
  const lost = () => `lines of ${lasting(moment(mark.until ?? mark.at) - moment(mark.at))} are lost: ${mark.detail}`;
  const said = mark.what === "gap" ? lost() : [mark.what, mark.detail].filter(Boolean).join(": ");
  return line("mark", offset(moment(mark.at) - moment(attempt.started_at)), "◆", mark.source, piece("span", said, "aside"));
}

const aside = (text) => line("dim", "", "", "", piece("span", text, "aside"));
const isAlike = (one, other) => ["stage", "status", "method", "path"].every((field) => one[field] === other[field]);

function runs(steps) {
  const found = [];
  for (const step of steps) {
    if (found.length && isAlike(found.at(-1)[0], step)) found.at(-1).push(step);
    else found.push([step]);
  }
  return found.flatMap((run) => (run.length > LONG_RUN ? [run] : run.map((step) => [step])));
}

function course(attempt) {
  const list = document.createElement("ol");
  const place = scale(attempt.steps);
  const marks = [...attempt.marks].sort((a, b) => (a.at < b.at ? -1 : 1));
  let ended = null;
  for (const run of runs(attempt.steps)) {
    const first = run[0];
    while (marks.length && marks[0].at < first.started_at) list.append(beside(marks.shift(), attempt));
    const silence = ended === null ? 0 : moment(first.started_at) - ended;
    if (silence >= LONG_SILENCE) list.append(aside(`┊ ${lasting(silence)}`));
    list.append(request(first, attempt, place));
    if (run.length > 1) {
      const span = moment(run.at(-1).started_at) - moment(first.started_at);
      list.append(aside(`┊ ${run.length - 2} more of the same in ${lasting(span)}`), request(run.at(-1), attempt, place));
    }
    ended = Math.max(...run.map((step) => moment(step.at)));
  }
  list.append(...marks.map((mark) => beside(mark, attempt)), ...missing(attempt));
  return list;
}

// The stage that should have come, then what else was not there to be seen: silence is told apart from deafness.
function missing(attempt) {
  const unseen = attempt.stages.filter((stage) => stage.state !== "seen");
  const awaited = GOOD.includes(attempt.outcome) ? undefined : unseen.find((stage) => stage.stage === attempt.stuck_at);
  const found = [];
  if (awaited) {
    const said = awaited.state === "not_seen" ? "never came, and we were listening" : `not observable here: ${awaited.reason || "no log shows it"}`;
    found.push(line("awaited", "", "✕", stageName(awaited.stage), piece("span", said, "aside")));
  }
  const others = unseen.filter((stage) => stage !== awaited);
  const silent = others.filter((stage) => stage.state === "not_seen").map((stage) => stageName(stage.stage));
  const hidden = others.filter((stage) => stage.state !== "not_seen").map((stage) => stageName(stage.stage) + (stage.reason ? ` (${stage.reason})` : ""));
  if (silent.length) found.push(aside(`not seen: ${silent.join(", ")}`));
  if (hidden.length) found.push(aside(`not observable here: ${hidden.join(", ")}`));
  const used = Object.entries(LINKS).filter(([link]) => attempt.steps.some((step) => step.link === link)).map(([, words]) => words.join(" "));
  if (used.length) found.push(aside(used.join("   ")));
  return found;
}

function diagnosed(diagnosis, isBest) {
  const made = piece("section", "", isBest ? "best" : "");
  const title = piece("h3", `${isBest ? "Likely" : "Or"}: `);
  title.append(piece("code", diagnosis.code), ` ${Math.round(diagnosis.confidence * 100)} %`);
  const told = document.createElement("dl");
  const say = (term, ...texts) => {
    if (texts.some(Boolean)) told.append(piece("dt", term), ...texts.map((text) => piece("dd", text)));
  };
  say("why", diagnosis.summary);
  say("do", diagnosis.remedy);
  if (isBest) {
    say("check", ...diagnosis.checks);
    say("unless", diagnosis.refuted_by);
    say("lines", places(diagnosis.evidence));
    say("see", ...diagnosis.see);
  }
  made.append(title, told);
  return made;
}

// Everything about one attempt, as nodes for a box of the page.
export function waterfall(attempt) {
  const span = lasting(moment(attempt.ended_at) - moment(attempt.started_at));
  const facts = [`${attempt.started_at.slice(0, 10)} ${attempt.started_at.slice(11, 23)} to ${attempt.ended_at.slice(11, 23)} UTC`, span,
    `first seen at ${stageName(attempt.entry)}`, `connwatch report --attempt ${attempt.id}`];
  if (attempt.group) facts.splice(3, 0, `told by counting in group ${attempt.group}`);
  const title = piece("h2", `${attempt.client} → ${attempt.server || "unknown server"}: `);
  title.append(piece("span", verdict(attempt), attempt.outcome));
  return [title, piece("p", facts.join(" · "), "dim"), course(attempt), ...attempt.diagnoses.map((one, index) => diagnosed(one, index === 0))];
}
