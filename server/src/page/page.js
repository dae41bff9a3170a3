// The live page of the control API. It shows the log as it grows, and calls the same URLs as a
// test would. Texts of users enter the document as text nodes only, never as HTML.

const MOST_ROWS = 20_000;
const MOST_PENDING = 1_000;
const MOST_ENTRIES = 60_000;
const MOST_LANES = 16;
const MOST_NAMES = 12;
const MOST_LISTED = 200;
const MOST_REQUESTS = 30;
const ROW_HEIGHT = 38;
const OVERSCAN = 8;
const REFRESH_MS = 500;
const RECONNECT_MS = 1_000;

const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Creates an element. Strings among the children become text. */
function element(tag, properties = {}, ...children) {
  const { attributes = {}, ...rest } = properties;
  const created = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

// --- The log: rows, each of which is an entry or one frame for several clients ---

const GROUPS = {
  frame_received: "frames", frame_sent: "frames", request: "requests", response: "requests",
  hook_fired: "hooks", reviewed: "hooks", test_action: "hooks", quota_exceeded: "hooks",
};
const INBOUND = new Set(["frame_received", "request", "gave_up", "connected"]);
const OUTBOUND = new Set(["frame_sent", "response", "handshake_refused"]);
const ERRORS = new Set(["quota_exceeded", "gave_up", "disconnected", "hook_fired", "unserved",
  "handshake_refused"]);
/** Kinds of entries that change neither rooms nor connections nor hooks. */
const QUIET = new Set(["frame_received", "frame_sent"]);

let rows = [];
let entryCount = 0;
let visible = [];
/** The number of the next entry that is expected. */
let next = 0;
let dropped = 0;

function directionOf(entry) {
  if (entry.kind === "closed") return entry.summary.startsWith("closes") ? "in" : "out";
  if (INBOUND.has(entry.kind)) return "in";
  return OUTBOUND.has(entry.kind) ? "out" : "";
}

function isError(entry) {
  if (entry.kind === "response") return entry.status >= 400;
  if (entry.kind === "frame_sent") return entry.summary.startsWith("ERROR");
  return ERRORS.has(entry.kind);
}

/** The name of the lane of an entry, or nothing if it concerns the whole mock. */
function laneOf(entry) {
  if (entry.connection) return `${entry.connection} (${entry.room})`;
  return entry.kind === "request" || entry.kind === "response" ? "API" : "";
}

function newRow(entry) {
  const lane = laneOf(entry);
  return {
    entry,
    lanes: new Set(lane ? [lane] : []),
    names: entry.connection ? [entry.connection] : [],
    users: new Set(entry.userId ? [entry.userId] : []),
    count: 1,
    way: directionOf(entry),
    group: GROUPS[entry.kind] ?? "connections",
    isError: isError(entry),
    haystack: [entry.summary, entry.operation, entry.text, entry.room, entry.connection, entry.reason]
      .join("\n").toLowerCase(),
  };
}

/** Adds an entry, and returns the row that is new or nothing if it joined the one before. */
function add(entry) {
  const last = rows.at(-1);
  const first = last?.entry;
  entryCount += 1;
  const isSameFrame = entry.kind === "frame_sent" && first?.kind === "frame_sent"
    && first.cause === entry.cause && first.text === entry.text && first.room === entry.room;
  if (!isSameFrame) {
    rows.push(newRow(entry));
    return rows.at(-1);
  }
  last.count += 1;
  last.lanes.add(laneOf(entry));
  last.users.add(entry.userId);
  if (last.names.length < MOST_NAMES) {
    last.names.push(entry.connection);
    last.haystack += `\n${entry.connection.toLowerCase()}`;
  }
  last.changed = true;
  return undefined;
}

/** Forgets the oldest rows, so that memory stays bounded however long the page is open. */
function trim() {
  let count = 0;
  while (rows.length - count > MOST_ROWS || entryCount > MOST_ENTRIES) {
    entryCount -= rows[count].count;
    count += 1;
  }
  if (count === 0) return;
  const removed = new Set(rows.splice(0, count));
  dropped += count;
  const shown = visible.length;
  visible = visible.filter((row) => !removed.has(row));
  if (!isFollowing) $("log").scrollTop -= (shown - visible.length) * ROW_HEIGHT;
}

/** Forgets all rows. A log that was cleared goes on with the next number, a new one with 0. */
function clearLog(number) {
  rows = [];
  visible = [];
  lanes = [];
  entryCount = dropped = 0;
  next = number;
  for (const id of ["only-room", "only-user"]) $(id).length = 1;
  applyFilter();
}

// --- Search and filter ---

let filter = { words: [], group: "", room: "", user: "" };

function passes(row) {
  return (!filter.group || (filter.group === "errors" ? row.isError : row.group === filter.group))
    && (!filter.room || row.entry.room === filter.room)
    && (!filter.user || row.users.has(filter.user))
    && filter.words.every((word) => row.haystack.includes(word));
}

function applyFilter() {
  filter = {
    words: $("search").value.toLowerCase().split(/\s+/).filter(Boolean),
    group: $("only-group").value,
    room: $("only-room").value,
    user: $("only-user").value,
  };
  visible = rows.filter(passes);
  if (selected && !visible.includes(selected)) select(undefined);
  isFollowing = !selected;
  drawn.clear();
  render();
}

/** Adds a choice to a list of the filter, up to a bound. */
function offer(id, value) {
  const list = $(id);
  if (!value || list.length > MOST_LISTED) return;
  if ([...list.options].some((option) => option.value === value)) return;
  list.add(new Option(value, value));
}

// --- The diagram: only rows near the visible part are in the document ---

let lanes = [];
let isFollowing = true;
let selected;
let isRendering = false;
/** The elements of the rows that are in the document. */
const drawn = new Map();

function scheduleRender() {
  if (isRendering) return;
  isRendering = true;
  requestAnimationFrame(() => {
    isRendering = false;
    render();
  });
}

/** Chooses the lanes that were used last. Those that stay keep their order. */
function chooseLanes() {
  const wanted = new Map();
  for (let i = visible.length - 1; i >= Math.max(0, visible.length - 2_000); i -= 1) {
    for (const lane of visible[i].lanes) {
      if (wanted.size < MOST_LANES || wanted.has(lane)) wanted.set(lane, visible[i].entry.index);
    }
  }
  const added = [...wanted.keys()].filter((lane) => !lanes.includes(lane))
    .sort((one, other) => wanted.get(one) - wanted.get(other));
  const chosen = [...lanes.filter((lane) => wanted.has(lane)), ...added];
  if (chosen.join("\n") === lanes.join("\n") && $("lanes").firstChild) return;
  lanes = chosen;
  drawn.clear();
  $("log").style.setProperty("--lanes", lanes.length + 2);
  $("lanes").replaceChildren(
    element("span", { className: "time" }, "UTC"),
    element("span", { className: "lane" }, "IVS Chat"),
    ...lanes.map((lane) => {
      const [, name, room] = /^(.*) \((.*)\)$/.exec(lane) ?? [lane, lane, ""];
      return element("span", { className: "lane", title: lane }, name, element("small", {}, room));
    }),
    element("span", { className: "lane others" }, "others"),
  );
}

function render() {
  chooseLanes();
  const log = $("log");
  const space = log.clientHeight - $("lanes").offsetHeight;
  const height = visible.length * ROW_HEIGHT;
  $("rows").style.height = `${height}px`;
  if (isFollowing) log.scrollTop = height;
  const start = Math.max(0, Math.floor(log.scrollTop / ROW_HEIGHT) - OVERSCAN);
  const end = Math.min(visible.length, Math.ceil((log.scrollTop + space) / ROW_HEIGHT) + OVERSCAN);
  const shown = new Map();
  for (let i = start; i < end; i += 1) {
    const row = visible[i];
    const known = row.changed ? undefined : drawn.get(row);
    row.changed = false;
    const drawing = known ?? drawRow(row);
    drawing.style.top = `${i * ROW_HEIGHT}px`;
    drawing.setAttribute("aria-posinset", i + 1);
    drawing.setAttribute("aria-setsize", visible.length);
    drawing.setAttribute("aria-selected", row === selected);
    shown.set(row, drawing);
  }
  const list = $("rows");
  for (const child of [...list.children]) if (shown.get(child.row) !== child) child.remove();
  for (const drawing of shown.values()) if (!drawing.isConnected) list.append(drawing);
  drawn.clear();
  for (const [row, drawing] of shown) drawn.set(row, drawing);
  const active = selected && drawn.get(selected);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
  renderCounts();
}

function renderCounts() {
  const total = rows.length + dropped;
  const part = visible.length === total ? `${total}` : `${visible.length} of ${total}`;
  $("shown").textContent = `${part} rows${dropped ? `, the oldest ${dropped} are no longer here` : ""}`;
  $("empty").hidden = visible.length > 0;
  $("empty").textContent = total > 0
    ? "No entry matches the filter."
    : "No entries yet. Send a message, or connect a client to the WebSocket URL.";
  $("latest").hidden = isFollowing || visible.length === 0;
}

function drawRow(row) {
  const { entry, way } = row;
  const label = element("span", { className: "label" }, ...labelOf(row));
  const drawing = element("div", {
    className: `row ${way || "note"} ${row.isError ? "error" : ""}`,
    id: `row-${entry.index}`,
    attributes: { role: "option" },
    row,
  }, element("time", { className: "time", dateTime: entry.at, title: entry.at },
    entry.at.slice(11, 19)), label);
  const places = [...row.lanes].map((lane) => lanes.indexOf(lane));
  const columns = new Set(places.map((place) => (place < 0 ? lanes.length : place)));
  for (const column of way ? columns : []) {
    const arrow = element("span", { className: "arrow" });
    arrow.style.setProperty("--column", column + 1);
    drawing.append(arrow);
  }
  return drawing;
}

/** The words of a row: the clients, then the summary with the words of the search marked. */
function labelOf({ entry, names, count, way }) {
  const more = count > names.length && names.length > 0 ? ` and ${count - names.length} more` : "";
  const who = names.length > 0 ? names.join(", ") + more : "";
  const parts = [];
  if (who && way === "out") parts.push(element("b", {}, `→ ${who}`), " ");
  else if (who) parts.push(element("b", {}, who), " ");
  const operation = entry.kind === "response" && entry.operation ? `${entry.operation}: ` : "";
  return [...parts, ...marked(operation + entry.summary)];
}

function marked(text) {
  const words = filter.words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (words.length === 0) return [text];
  const pieces = text.split(new RegExp(`(${words.join("|")})`, "i"));
  return pieces.map((piece, i) => (i % 2 ? element("mark", {}, piece) : piece));
}

/** Selects a row, and scrolls as far as needed to show it. */
function select(row, isOpening = !$("detail").hidden) {
  selected = row;
  const index = visible.indexOf(row);
  if (index >= 0) {
    isFollowing = false;
    if (isOpening) showDetail(row);
    const log = $("log");
    const space = log.clientHeight - $("lanes").offsetHeight;
    const top = index * ROW_HEIGHT;
    log.scrollTop = Math.min(top, Math.max(log.scrollTop, top + ROW_HEIGHT - space));
  } else {
    $("detail").hidden = true;
  }
  scheduleRender();
}

function rowAt(clientY) {
  const offset = clientY - $("rows").getBoundingClientRect().top;
  return visible[Math.floor(offset / ROW_HEIGHT)];
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

function onRowsKey(event) {
  const step = STEPS[event.key];
  if (step !== undefined && visible.length > 0) {
    const from = selected ? visible.indexOf(selected) : visible.length - (step < 0 ? 0 : 1);
    select(visible[Math.min(Math.max(from + step, 0), visible.length - 1)]);
  } else if ((event.key === "Enter" || event.key === " ") && selected) {
    select(selected, true);
  } else {
    return;
  }
  event.preventDefault();
}

// --- The details of a row ---

function formatted(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

function showDetail(row) {
  const { entry } = row;
  const { text, base64, summary, ...members } = entry;
  if (row.count > 1) members.connection = `${row.names.join(", ")} (${row.count} clients)`;
  $("detail-title").textContent = summary;
  $("detail-members").replaceChildren(...Object.entries(members).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
  $("detail-frame").textContent = formatted(text ?? base64 ?? "");
  $("detail-frame").hidden = (text ?? base64) === undefined;
  const buttons = [];
  const button = (label, onclick) => buttons.push(element("button", { type: "button", onclick }, label));
  const message = messageOf(row);
  if (message) button("Delete this message", () => deleteMessage(roomOf(entry), message.Id));
  if (entry.userId && entry.room) {
    button(`Act as ${entry.userId}`, () => target(roomOf(entry), entry.userId));
  }
  const cause = rows.find((other) => other.entry.index === entry.cause);
  if (cause && visible.includes(cause)) button(`Cause #${entry.cause}`, () => select(cause, true));
  if (text) button("Copy the frame", () => copy(text));
  $("detail-actions").replaceChildren(...buttons);
  $("detail").hidden = false;
}

function closeDetail() {
  if ($("detail").hidden) return;
  $("detail").hidden = true;
  $("rows").focus({ preventScroll: true });
  scheduleRender();
}

function messageOf({ entry }) {
  if (entry.kind !== "frame_sent" || !entry.summary.startsWith("MESSAGE")) return undefined;
  try {
    return JSON.parse(entry.text);
  } catch {
    return undefined;
  }
}

// --- The stream of entries ---

let pending = [];

/** Takes the entries that arrived since the last frame in one step. */
function takePending() {
  const entries = pending;
  pending = [];
  let isQuiet = true;
  for (const entry of entries) {
    if (entry.index < next) continue;
    next = entry.index + 1;
    const row = add(entry);
    if (row && passes(row)) visible.push(row);
    else if (!row && !visible.includes(rows.at(-1)) && passes(rows.at(-1))) visible.push(rows.at(-1));
    if (!QUIET.has(entry.kind)) isQuiet = false;
    offer("only-room", entry.room);
    offer("only-user", entry.userId);
  }
  trim();
  if (!isQuiet) scheduleRefresh();
  render();
}

/** Takes an entry with the next frame. A hidden page has none, so there they are taken by number. */
function receive(event) {
  if (pending.length === 0) requestAnimationFrame(takePending);
  pending.push(JSON.parse(event.data));
  if (pending.length >= MOST_PENDING) takePending();
}

/** Follows the log, and resolves when the stream ends. */
function stream(since) {
  return new Promise((resolve) => {
    const source = new EventSource(url(`log/events?since=${since}`));
    source.onopen = () => setStream("live");
    source.onmessage = receive;
    source.onerror = () => {
      source.close();
      resolve();
    };
  });
}

function setStream(state) {
  $("stream").textContent = state;
  $("stream").className = state;
}

/** Keeps the stream open. A log that is shorter than before is a new one. */
async function followLog() {
  for (;;) {
    try {
      const { counts } = await refresh();
      if (counts.entries < next) clearLog(0);
      await stream(Math.max(next, counts.entries - MOST_ROWS, 0));
    } catch {
      // The server is not there. It may come back.
    }
    setStream("reconnecting");
    await delay(RECONNECT_MS);
  }
}

// --- Rooms, connections, hooks and the clock ---

let state = { rooms: [], connections: [], hooks: [], status: {} };
let refreshing;

const url = (path) => new URL(path, new URL(".", location.href)).href;

async function read(path) {
  const response = await fetch(url(path));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

function scheduleRefresh() {
  refreshing ??= delay(REFRESH_MS).then(() => {
    refreshing = undefined;
    return refresh().catch(() => {});
  });
}

async function refresh() {
  const [status, rooms, connections, hooks] = await Promise.all(
    ["status", "rooms", "connections", "hooks"].map(read));
  state = { status, rooms: rooms.rooms, connections: connections.connections, hooks: hooks.hooks };
  renderStatus();
  renderRooms();
  renderHooks();
  return status;
}

function renderStatus() {
  const { status, rooms, connections } = state;
  const { now, frozen } = status.clock;
  $("clock").textContent = `${now.replace("T", " ").replace(/(\.\d+)?Z$/, "")}${frozen ? ", frozen" : ""}`;
  $("clock").dateTime = now;
  $("room-count").textContent = rooms.length;
  $("connection-count").textContent = connections.length;
  $("ws-url").textContent = status.urls.wss ?? status.urls.ws;
  const isOut = Boolean(status.outage);
  const outage = document.querySelector("[data-action=outage]");
  outage.setAttribute("aria-pressed", isOut);
  outage.textContent = isOut ? "End outage" : "Begin outage";
  document.body.classList.toggle("outage", isOut);
}

/** The room of a name that `nameOf` has returned. */
const roomNamed = (name) => state.rooms.find((room) => nameOf(room) === name);

/** The name of the room that an entry is about. */
function roomOf({ room, roomArn }) {
  const known = state.rooms.find(({ arn }) => arn === roomArn);
  return known ? nameOf(known) : room;
}

/** The name of a room, or its ID if the name does not tell it apart. */
function nameOf({ name, id }) {
  const isUnique = state.rooms.filter((other) => other.name === name).length === 1;
  return name && isUnique ? name : id;
}

function renderRooms() {
  const { rooms, connections } = state;
  const chosen = $("room").value;
  $("room").replaceChildren(...rooms.slice(0, MOST_LISTED).map((room) => new Option(nameOf(room))));
  if (rooms.some((room) => nameOf(room) === chosen)) $("room").value = chosen;
  const users = [...new Set(connections.map((connection) => connection.userId))];
  $("users").replaceChildren(...users.slice(0, MOST_LISTED).map((user) => new Option(user)));
  const byRoom = new Map(rooms.map((room) => [room.arn, []]));
  for (const connection of connections) byRoom.get(connection.roomArn)?.push(connection);
  const drawings = rooms.slice(0, MOST_LISTED).map((room) => drawRoom(nameOf(room), byRoom.get(room.arn)));
  const focused = document.activeElement?.dataset?.key;
  $("room-list").replaceChildren(...drawings);
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  if (rooms.length === 0) $("room-list").replaceChildren(element("p", {}, "There are no rooms yet."));
}

function drawRoom(room, connections) {
  const more = connections.length - MOST_LISTED;
  return element("div", { className: "room" },
    element("h3", {}, room, " ", element("small", {}, countOf(connections.length, "connection"))),
    element("ul", {}, ...connections.slice(0, MOST_LISTED).map((one) => drawConnection(room, one)),
      ...(more > 0 ? [element("li", {}, `and ${more} more`)] : [])));
}

const countOf = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function drawConnection(room, { id, userId, isStalled, queuedFrames }) {
  const notes = [isStalled && "stalled", queuedFrames > 0 && `${queuedFrames} queued`];
  const button = element("button", {
    type: "button",
    title: `Act as ${userId}`,
    onclick: () => target(room, userId),
  }, userId);
  button.dataset.key = `connection ${id}`;
  return element("li", {}, button,
    element("small", {}, ["#" + id, ...notes.filter(Boolean)].join(", ")));
}

function renderHooks() {
  $("hooks").replaceChildren(...state.hooks.slice(0, MOST_LISTED).map((hook) => {
    const name = hook.name ?? `hook ${hook.id}`;
    const remove = element("button", {
      type: "button",
      onclick: () => change("DELETE", `hooks/${encodeURIComponent(hook.id)}`),
      attributes: { "aria-label": `Remove ${name}` },
    }, "×");
    return element("li", {}, element("span", {}, name), element("small", {}, countOf(hook.hits, "hit")), remove);
  }));
}

/** Makes a user the one on which the buttons act. */
function target(room, user) {
  if ([...$("room").options].some((option) => option.value === room)) $("room").value = room;
  $("user").value = user;
  showTab("actions");
  $("content").focus();
}

// --- Requests, each shown as a command ---

/** A text as one word of a shell. */
function quoted(text) {
  return /^[\w:/.%~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function curlOf(method, path, body) {
  const lines = [`curl -sS -X ${method} ${quoted(url(path))}`];
  const { caFile } = state.status;
  if (location.protocol === "https:" && caFile) lines.push(`--cacert ${quoted(caFile)}`);
  if (body !== undefined) {
    lines.push("-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  }
  return lines.join(" \\\n  ");
}

/** Sends a request that changes something, and shows it with its response. */
async function change(method, path, body) {
  const command = curlOf(method, path, body);
  const outcome = element("p", { className: "outcome" }, "…");
  const shownBody = element("pre", { tabIndex: 0, hidden: true });
  showRequest(command, outcome, shownBody);
  const options = { method };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let value;
  try {
    const response = await fetch(url(path), options);
    const text = await response.text();
    outcome.textContent = `${response.status} ${response.statusText}`.trim();
    outcome.classList.toggle("error", !response.ok);
    shownBody.textContent = formatted(text);
    shownBody.hidden = text === "";
    value = response.ok ? JSON.parse(text || "{}") : undefined;
  } catch (error) {
    outcome.textContent = `No response: ${error.message}`;
    outcome.classList.add("error");
  }
  await refresh().catch(() => {});
  return value;
}

function showRequest(command, outcome, response) {
  const button = element("button", { type: "button", onclick: () => copy(command, button) }, "Copy");
  const shown = element("article", {},
    element("div", { className: "bar" }, outcome, button),
    element("pre", { className: "command", tabIndex: 0 }, command),
    response);
  const list = $("request-list");
  list.prepend(shown);
  while (list.children.length > MOST_REQUESTS) list.lastChild.remove();
  $("requests").hidden = false;
  list.scrollTop = 0;
}

/** Says why a button did nothing, in the place of a request. */
function explain(words) {
  const list = $("request-list");
  list.prepend(element("article", {}, element("p", { className: "outcome error" }, words)));
  $("requests").hidden = false;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    if (button) button.textContent = "Copied";
  } catch {
    explain("The browser allows no access to the clipboard: select the text instead.");
  }
}

// --- The buttons ---

const roomPath = (room, rest) => `rooms/${encodeURIComponent(room)}/${rest}`;
const chosenRoom = () => $("room").value;
const chosenUser = () => $("user").value;

async function onConnections(command) {
  const [room, user] = [chosenRoom(), chosenUser()];
  const arn = roomNamed(room)?.arn;
  const found = state.connections.filter((one) => one.roomArn === arn && one.userId === user);
  if (found.length === 0) explain(`${user} is not connected to ${room || "a room"}.`);
  for (const { id } of found) await change("POST", `connections/${encodeURIComponent(id)}/${command}`, {});
}

function deleteMessage(room, messageId) {
  return change("POST", roomPath(room, "deletions"), { messageId, reason: "deleted on the page" });
}

function deleteLatest() {
  const [room, user] = [chosenRoom(), chosenUser()];
  const arn = roomNamed(room)?.arn;
  const isTheirs = (row) => row.entry.roomArn === arn && messageOf(row)?.Sender?.UserId === user;
  const row = rows.findLast(isTheirs);
  if (row) return deleteMessage(room, messageOf(row).Id);
  return explain(`There is no message of ${user} in ${room || "a room"}.`);
}

/** Installs a hook about the chosen user, with the conditions that the form has. */
function install(on, who, then) {
  const spec = { on, [who]: chosenUser() };
  const [room, containing] = [chosenRoom(), $("containing").value];
  // At a handshake the text of the event is that of the request, which has no content.
  if (room && on !== "handshake") spec.room = room;
  if (containing && on !== "handshake") spec.containing = containing;
  if ($("frequency").value === "once") spec.times = 1;
  return change("POST", "hooks", { ...spec, then });
}

const reject = (errorCode, errorMessage) =>
  install("action", "from", { reject: { errorCode, errorMessage } });

const advance = (byMs) => change("POST", "clock/advance", { byMs });

const ACTIONS = {
  token: () => change("POST", roomPath(chosenRoom(), "tokens"), {
    userId: chosenUser(), capabilities: ["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"],
  }),
  disconnect: () => change("POST", roomPath(chosenRoom(), "disconnections"), {
    userId: chosenUser(), reason: "disconnected on the page",
  }),
  cut: () => onConnections("reset"),
  stall: () => onConnections("stall"),
  resume: () => onConnections("resume"),
  delete: deleteLatest,
  deny: () => reject(406, "denied on the page"),
  throttle: () => reject(429, "throttled on the page"),
  drop: () => install("delivery", "to", "drop"),
  refuse: () => install("handshake", "from", { refuse: { status: 503, message: "refused on the page" } }),
  minute: () => advance(60_000),
  hour: () => advance(3_600_000),
  day: () => advance(86_400_000),
  freeze: () => change("POST", "clock/freeze", {}),
  outage: () => (state.status.outage ? change("DELETE", "outage") : change("POST", "outage", {})),
  restart: () => change("POST", "restart"),
  verify: () => change("GET", "verify"),
  reset: async () => {
    if (await change("POST", "reset", { what: "all" })) clearLog(next);
  },
};

const NEEDS_A_ROOM = new Set(["token", "disconnect"]);

function onAction(event) {
  const name = event.currentTarget.dataset.action;
  if (NEEDS_A_ROOM.has(name) && !chosenRoom()) explain("Create a room first.");
  else ACTIONS[name]();
}

function showTab(name) {
  document.body.dataset.tab = name;
  for (const tab of all("nav button")) tab.setAttribute("aria-pressed", tab.dataset.tab === name);
  scheduleRender();
}

function onKey(event) {
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "Escape") closeDetail();
  if (event.key !== "/" || isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  showTab("log");
  $("search").focus();
}

function start() {
  document.documentElement.style.setProperty("--row", `${ROW_HEIGHT}px`);
  for (const tab of all("nav button")) tab.onclick = () => showTab(tab.dataset.tab);
  for (const button of all("[data-action]")) button.onclick = onAction;
  for (const field of all("#filter input, #filter select")) field.oninput = applyFilter;
  $("filter").onsubmit = (event) => event.preventDefault();
  $("message").onsubmit = (event) => {
    event.preventDefault();
    change("POST", roomPath(chosenRoom(), "messages"), { userId: chosenUser(), content: $("content").value });
    $("content").select();
  };
  $("create-room").onsubmit = async (event) => {
    event.preventDefault();
    const name = $("room-name").value;
    await change("POST", "rooms", { name });
    $("room").value = name;
    $("room-name").value = "";
  };
  $("rows").onkeydown = onRowsKey;
  $("rows").onclick = (event) => select(rowAt(event.clientY), true);
  $("detail-close").onclick = closeDetail;
  $("latest").onclick = () => {
    select(undefined);
    // Without this the browser scrolls to the beginning of the list, which ends the following.
    $("rows").focus({ preventScroll: true });
    isFollowing = true;
    render();
  };
  $("log").onscroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = $("log");
    isFollowing = !selected && scrollHeight - scrollTop - clientHeight < ROW_HEIGHT;
    scheduleRender();
  };
  document.onkeydown = onKey;
  new ResizeObserver(scheduleRender).observe($("log"));
  followLog();
}

start();
