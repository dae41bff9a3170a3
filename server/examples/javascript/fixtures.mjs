// Starts the mock, and a backend that serves the page and creates tokens.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { chromium, test as base } from "@playwright/test";

const PROGRAM = process.env.MOCK_IVS_CHAT ?? "mock-ivs-chat";
const TYPES = { ".html": "text/html", ".js": "text/javascript" };

/** The mock, with the control API that arranges faults and reads the log. */
class Mock {
  static async start(args) {
    const mock = new Mock();
    mock.program = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "inherit"] });
    mock.urls = {};
    for await (const line of createInterface({ input: mock.program.stdout })) {
      const [, name, value] = /^(\w+)_url=(.*)$/.exec(line) ?? [];
      if (name) mock.urls[name] = value;
      if (line.startsWith("ready")) break;
    }
    mock.program.stdout.resume();
    return mock;
  }

  async control(method, path, body) {
    const response = await fetch(`${this.urls.http}/__admin/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
  }

  async stop() {
    const ended = once(this.program, "exit");
    this.program.kill();
    await ended;
  }
}

/** Serves the page, and a token for each connection of the user alice. */
async function startBackend(mock) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/token") {
      const token = await mock.control("POST", "rooms/lobby/tokens",
        { userId: "alice", capabilities: ["SEND_MESSAGE"] });
      response.setHeader("content-type", "application/json");
      return response.end(JSON.stringify(token));
    }
    const path = normalize(pathname === "/" ? "/index.html" : pathname);
    const folder = path.startsWith("/node_modules/") ? "" : "page";
    const file = await readFile(join(import.meta.dirname, folder, path)).catch(() => undefined);
    response.statusCode = file ? 200 : 404;
    response.setHeader("content-type", TYPES[extname(path)] ?? "text/plain");
    return response.end(file);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

export const test = base.extend({
  isEncrypted: [false, { option: true }],

  mock: async ({ isEncrypted }, use) => {
    const folder = await mkdtemp(join(tmpdir(), "mock-ivs-chat-"));
    const caFile = join(folder, "ca.pem");
    const tls = isEncrypted ? ["--tls", "--ca-file", caFile] : [];
    const mock = await Mock.start(["--room", "lobby", ...tls]);
    mock.caFile = caFile;
    await use(mock);
    await mock.stop();
    await rm(folder, { recursive: true });
  },

  // With TLS: a browser of its own that trusts the authority of the mock, as a user's browser does
  // after the authority has been added to its certificates.
  page: async ({ mock, isEncrypted, browser, launchOptions }, use) => {
    const home = await mkdtemp(join(tmpdir(), "chromium-"));
    let own;
    if (isEncrypted) {
      trust(mock.caFile, home);
      own = await chromium.launch({ ...launchOptions, env: { ...process.env, HOME: home } });
    }
    const page = await (own ?? browser).newPage();
    await use(page);
    await page.close();
    await own?.close();
    await rm(home, { recursive: true });
  },

  /** Opens the page against the mock. */
  open: async ({ mock, page, isEncrypted }, use) => {
    const backend = await startBackend(mock);
    const service = isEncrypted ? mock.urls.wss : mock.urls.ws;
    await use(() => page.goto(`http://127.0.0.1:${backend.address().port}/?service=${service}`));
    backend.close();
    backend.closeAllConnections();
  },
});

/** Adds an authority to the certificates that Chromium trusts on Linux. */
function trust(caFile, home) {
  const database = `sql:${join(home, ".pki/nssdb")}`;
  execFileSync("mkdir", ["-p", join(home, ".pki/nssdb")]);
  execFileSync("certutil", ["-d", database, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", database, "-A", "-t", "C,,", "-n", "mock-ivs-chat", "-i", caFile]);
}
