// Fixtures: a server for each test, and a page that fails its test if anything goes wrong in it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test as base, expect } from "@playwright/test";

const PROGRAM = process.env.MOCK_IVS_CHAT ?? "mock-ivs-chat";

/** A running server. */
export class Mock {
  constructor(program, urls) {
    this.program = program;
    this.urls = urls;
  }

  static async start(...args) {
    const program = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "inherit"] });
    const urls = {};
    for await (const line of createInterface({ input: program.stdout })) {
      const [, name, value] = /^(\w+)_url=(.*)$/.exec(line) ?? [];
      if (name) urls[name] = value;
      if (line.startsWith("ready")) break;
    }
    if (!urls.http) throw new Error(`${PROGRAM} ended before it was ready`);
    program.stdout.resume();
    return new Mock(program, urls);
  }

  get port() {
    return Number(new URL(this.urls.http).port);
  }

  get page() {
    return `${this.urls.http}/__admin/`;
  }

  /** Calls the control API, and fails with its problem document. */
  async call(method, path, body) {
    const options = { method };
    if (body !== undefined) {
      options.headers = { "content-type": "application/json" };
      options.body = JSON.stringify(body);
    }
    const response = await fetch(new URL(path, this.page), options);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  say(userId, content) {
    return this.call("POST", "rooms/lobby/messages", { userId, content });
  }

  async stop() {
    if (this.program.exitCode !== null) return;
    const ended = once(this.program, "exit");
    this.program.kill("SIGTERM");
    await ended;
  }
}

export const test = base.extend({
  mock: async ({}, use) => {
    const mock = await Mock.start("--room", "lobby");
    await use(mock);
    await mock.stop();
  },
  page: async ({ page }, use) => {
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.stack));
    page.on("dialog", (dialog) => {
      problems.push(`a dialog: ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on("console", (message) => {
      const isExpected = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|WebSocket connection to .* failed|status of 4\d\d/.test(message.text());
      if (message.type() === "error" && !isExpected) problems.push(message.text());
    });
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (hostname !== "127.0.0.1" && protocol !== "data:") problems.push(`a request to ${request.url()}`);
    });
    await use(page);
    expect(problems).toEqual([]);
  },
});

export { expect };
