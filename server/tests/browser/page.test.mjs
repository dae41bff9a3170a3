import { execFile } from "node:child_process";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, Mock, test } from "./mock.mjs";

const run = promisify(execFile);

const rows = (page) => page.locator("#rows .row");
const row = (page, text) => rows(page).filter({ hasText: text });
const isNarrow = (page) => page.viewportSize().width < 860;

async function open(page, address) {
  await page.goto(address);
  await expect(page.locator("#stream")).toHaveText("live");
}

/** Shows a panel, which is necessary on narrow screens only. */
async function show(page, name) {
  if (isNarrow(page)) await page.locator(`nav [data-tab=${name}]`).click();
}

async function press(page, action) {
  await show(page, "actions");
  await page.locator(`[data-action=${action}]`).click();
}

/** The latest request that the page shows, once its response is there. */
async function latestRequest(page) {
  const request = page.locator("#request-list article").first();
  await expect(request.locator(".outcome")).not.toHaveText("…");
  return {
    command: await request.locator(".command").textContent(),
    outcome: await request.locator(".outcome").textContent(),
  };
}

test("the log grows while clients chat, and one frame for two clients is one row", async ({ page, mock }) => {
  await open(page, mock.page);
  await mock.say("bob", "hello from bob");
  await mock.say("alice", "hello from alice");
  const delivery = row(page, "MESSAGE \"hello from alice\"").filter({ hasText: "→" });
  await expect(delivery).toHaveCount(1);
  await expect(delivery.locator(".label")).toHaveText("→ bob, alice MESSAGE \"hello from alice\"");
  await expect(delivery.locator(".arrow")).toHaveCount(2);
  await expect(page.locator("#lanes .lane").filter({ hasText: "alice" })).toBeVisible();
});

test("rooms, users and connections are listed", async ({ page, mock }) => {
  await mock.call("POST", "rooms", { name: "kitchen" });
  await mock.say("alice", "hello");
  await open(page, mock.page);
  await show(page, "rooms");
  const lobby = page.locator(".room").filter({ hasText: "lobby" });
  await expect(lobby.locator("small").first()).toHaveText("1 connection");
  await expect(page.locator(".room").filter({ hasText: "kitchen" })).toBeVisible();
  await lobby.getByRole("button", { name: "alice" }).click();
  await expect(page.locator("#user")).toHaveValue("alice");
  await expect(page.locator("#room")).toHaveValue("lobby");
});

test("rooms of the same name are told apart", async ({ page, mock }) => {
  const twins = [];
  for (const user of ["alice", "bob"]) {
    const { id } = await mock.call("POST", "rooms", { name: "twin" });
    await mock.call("POST", `rooms/${id}/messages`, { userId: user, content: "hello" });
    twins.push(id);
  }
  await open(page, mock.page);
  await show(page, "rooms");
  for (const [index, user] of ["alice", "bob"].entries()) {
    const room = page.locator(".room").filter({ hasText: twins[index] });
    await expect(room.getByRole("button")).toHaveText([user]);
  }
  await page.locator(".room").filter({ hasText: twins[1] }).getByRole("button").click();
  await expect(page.locator("#room")).toHaveValue(twins[1]);
  await press(page, "delete");
  const { command, outcome } = await latestRequest(page);
  expect(command).toContain(`/rooms/${twins[1]}/deletions`);
  expect(outcome).toMatch(/^2/);
  await press(page, "cut");
  await expect(page.locator("#connection-count")).toHaveText("1");
  const { connections } = await mock.call("GET", "connections");
  expect(connections.map((one) => one.userId)).toEqual(["alice"]);
});

test("a room that is created can be used", async ({ page, mock }) => {
  await open(page, mock.page);
  await show(page, "rooms");
  await page.getByLabel("New room").fill("attic");
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.locator("#room")).toHaveValue("attic");
  const { rooms } = await mock.call("GET", "rooms");
  expect(rooms.map((room) => room.name)).toContain("attic");
});

test("a message is sent as any user", async ({ page, mock }) => {
  await open(page, mock.page);
  await show(page, "actions");
  await page.locator("#user").fill("carol");
  await page.locator("#content").fill("it's \"me\"");
  await page.getByRole("button", { name: "Send as this user" }).click();
  const { command, outcome } = await latestRequest(page);
  expect(command).toContain("/__admin/rooms/lobby/messages");
  expect(outcome).toMatch(/^2/);
  await show(page, "log");
  await expect(row(page, "→ carol MESSAGE")).toHaveCount(1);
  // The command does the same when it is pasted, although its text has quotes in it.
  await run("bash", ["-c", command]);
  await expect(row(page, "→ carol MESSAGE")).toHaveCount(2);
});

test.describe("buttons", () => {
  test.beforeEach(async ({ page, mock }) => {
    await mock.say("bob", "hello from bob");
    await mock.say("alice", "hello from alice");
    await open(page, mock.page);
    await expect(row(page, "hello from alice").first()).toBeVisible();
    await expect(page.locator("#connection-count")).toHaveText("2");
  });

  const pressed = async (page, action, expected) => {
    await press(page, action);
    await expect(page.locator("#request-list article").first()).toContainText(expected);
    const { command, outcome } = await latestRequest(page);
    expect(outcome).toMatch(/^2/);
    await show(page, "log");
    return command;
  };

  for (const [action, byMs, shown] of [
    ["minute", 60_000, "1m"], ["hour", 3_600_000, "1h"], ["day", 86_400_000, "1day"],
  ]) {
    test(`${action} advances the clock`, async ({ page, mock }) => {
      const before = Date.parse((await mock.call("GET", "clock")).now);
      await pressed(page, action, `{"byMs":${byMs}}`);
      await expect(row(page, `clock + ${shown}`)).toBeVisible();
      expect(Date.parse((await mock.call("GET", "clock")).now) - before).toBeGreaterThanOrEqual(byMs);
    });
  }

  test("freeze stops the clock", async ({ page, mock }) => {
    await pressed(page, "freeze", "/clock/freeze");
    await expect(page.locator("#clock")).toContainText("frozen");
    expect((await mock.call("GET", "clock")).frozen).toBe(true);
  });

  test("token creates a token that connects", async ({ page, mock }) => {
    await pressed(page, "token", "/rooms/lobby/tokens");
    const { token } = JSON.parse(await page.locator("#request-list article > pre").nth(1).textContent());
    const connected = page.evaluate(([address, protocol]) => new Promise((resolve) => {
      const socket = new WebSocket(address, protocol);
      socket.onopen = () => resolve("open");
      socket.onclose = ({ code }) => resolve(`closed with ${code}`);
    }), [mock.urls.ws, token]);
    expect(await connected).toBe("open");
  });

  test("disconnect closes the connections of the user", async ({ page, mock }) => {
    await pressed(page, "disconnect", "/rooms/lobby/disconnections");
    await expect(page.locator("#connection-count")).toHaveText("1");
    await expect(row(page, "aws:DISCONNECT_USER").first()).toBeVisible();
  });

  test("cut resets the connections of the user", async ({ page, mock }) => {
    await pressed(page, "cut", "/reset");
    await expect(page.locator("#connection-count")).toHaveText("1");
    await press(page, "cut");
    await expect(page.locator("#request-list article").first()).toContainText("alice is not connected to lobby");
  });

  test("stall holds frames back until resume", async ({ page, mock }) => {
    await pressed(page, "stall", "/stall");
    await mock.say("bob", "are you there?");
    await show(page, "rooms");
    await expect(page.locator("#room-list")).toContainText("stalled, 1 queued");
    await pressed(page, "resume", "/resume");
    await show(page, "rooms");
    await expect(page.locator("#room-list")).not.toContainText("stalled");
  });

  test("delete deletes the latest message of the user", async ({ page, mock }) => {
    await pressed(page, "delete", "/rooms/lobby/deletions");
    await expect(row(page, "aws:DELETE_MESSAGE").first()).toBeVisible();
  });

  test("a message is deleted from its details", async ({ page, mock }) => {
    await row(page, "→ bob MESSAGE \"hello from bob\"").click();
    await page.getByRole("button", { name: "Delete this message" }).click();
    // The details cover most of a narrow screen.
    await page.keyboard.press("Escape");
    await page.locator("#rows").press("End");
    await expect(row(page, "aws:DELETE_MESSAGE").first()).toBeVisible();
  });

  test("deny rejects the next action of the user with 406", async ({ page, mock }) => {
    await show(page, "actions");
    await page.locator("#containing").fill("spam");
    await pressed(page, "deny", "/hooks");
    await mock.say("alice", "fine");
    await mock.say("alice", "spam");
    await expect(row(page, "ERROR 406")).toHaveCount(1);
    await show(page, "actions");
    await expect(page.locator("#hooks")).toContainText("1 hit");
    await page.locator("#hooks button").click();
    await expect(page.locator("#hooks li")).toHaveCount(0);
    expect((await mock.call("GET", "hooks")).hooks).toEqual([]);
  });

  test("throttle rejects each action of the user with 429", async ({ page, mock }) => {
    await show(page, "actions");
    await page.locator("#frequency").selectOption("always");
    await pressed(page, "throttle", "/hooks");
    await mock.say("alice", "one");
    await mock.say("alice", "two");
    await mock.say("bob", "three");
    await expect(row(page, "→ alice ERROR 429")).toHaveCount(2);
    await expect(row(page, "→ bob, alice MESSAGE \"three\"")).toHaveCount(1);
  });

  test("drop loses the next frame to the user", async ({ page, mock }) => {
    await pressed(page, "drop", "/hooks");
    await mock.say("bob", "lost");
    await expect(row(page, "→ bob MESSAGE \"lost\"")).toHaveCount(1);
  });

  test("refuse refuses the next handshake of the user", async ({ page, mock }) => {
    await pressed(page, "refuse", "/hooks");
    const { token } = await mock.call("POST", "rooms/lobby/tokens", { userId: "alice" });
    const closed = page.evaluate(([address, protocol]) => new Promise((resolve) => {
      new WebSocket(address, protocol).onclose = ({ code }) => resolve(code);
    }), [mock.urls.ws, token]);
    expect(await closed).toBe(1006);
    await expect(row(page, "refused 503")).toHaveCount(1);
  });

  test("outage begins and ends an outage", async ({ page, mock }) => {
    await pressed(page, "outage", "-X POST");
    await expect(page.locator("#stream")).toHaveClass(/live/);
    await show(page, "actions");
    await expect(page.locator("[data-action=outage]")).toHaveText("End outage");
    await expect(page.locator("#connection-count")).toHaveText("0");
    await pressed(page, "outage", "-X DELETE");
    await show(page, "actions");
    await expect(page.locator("[data-action=outage]")).toHaveText("Begin outage");
  });

  test("restart closes all connections", async ({ page, mock }) => {
    await pressed(page, "restart", "/restart");
    await expect(page.locator("#connection-count")).toHaveText("0");
  });

  test("verify reports an unmet expectation", async ({ page, mock }) => {
    await pressed(page, "verify", "/verify");
  });

  test("reset removes everything", async ({ page, mock }) => {
    await pressed(page, "reset", "/reset");
    await expect(page.locator("#connection-count")).toHaveText("0");
    await show(page, "rooms");
    await expect(page.locator("#room-list")).toContainText("There are no rooms yet");
    await show(page, "log");
    await expect(row(page, "hello from alice")).toHaveCount(0);
    await mock.call("POST", "rooms", { name: "lobby" });
    await mock.say("bob", "after the reset");
    await expect(row(page, "→ bob MESSAGE \"after the reset\"")).toHaveCount(1);
  });
});

test("a filter ends with the log that it was chosen from", async ({ page, mock }) => {
  await mock.say("alice", "before");
  await open(page, mock.page);
  await expect(row(page, "before").first()).toBeVisible();
  await page.locator("#only-user").selectOption("alice");
  await page.locator("#only-room").selectOption("lobby");
  await press(page, "reset");
  await show(page, "log");
  await expect(page.locator("#only-user")).toHaveValue("");
  await mock.call("POST", "rooms", { name: "attic" });
  await mock.call("POST", "rooms/attic/messages", { userId: "bob", content: "after" });
  await expect(row(page, "→ bob MESSAGE \"after\"")).toHaveCount(1);
});

test("a page that is not drawn takes entries nevertheless", async ({ page, mock }) => {
  // As in a tab in the background.
  await page.addInitScript(() => { window.requestAnimationFrame = () => 0; });
  await open(page, mock.page);
  for (let i = 0; i < 500; i += 1) await mock.say("alice", `message ${i}`);
  await expect(page.locator("#shown")).toHaveText(/^\d{3,} rows/);
});

test("no other page shows this one in a frame", async ({ browser, mock }) => {
  const page = await browser.newPage();
  await page.setContent(`<iframe src="${mock.page}"></iframe>`);
  const frame = page.frames().find((one) => one !== page.mainFrame());
  await expect.poll(() => frame.url()).not.toBe("about:blank");
  expect(await frame.locator("#rows").count()).toBe(0);
  await page.close();
});

test("a request over TLS names the file of the authority", async ({ browser }, { outputDir }) => {
  await mkdir(outputDir, { recursive: true });
  const caFile = join(outputDir, "authority.pem");
  const mock = await Mock.start("--room", "lobby", "--tls", "--ca-file", caFile);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await open(page, `${mock.urls.https}/__admin/`);
  await press(page, "freeze");
  const { command } = await latestRequest(page);
  // The command does the same when it is pasted.
  expect(command).toContain(`--cacert ${caFile}`);
  await run("bash", ["-c", command]);
  await context.close();
  await mock.stop();
});

test("a problem is shown with its explanation", async ({ page, mock }) => {
  await open(page, mock.page);
  await mock.call("DELETE", "rooms/lobby");
  await press(page, "disconnect");
  await expect(page.locator("#request-list .outcome.error").first()).toBeVisible();
});

test("search and filters narrow the log", async ({ page, mock }) => {
  await mock.call("POST", "rooms", { name: "kitchen" });
  await mock.say("alice", "apples and pears");
  await mock.say("bob", "pears only");
  await mock.call("POST", "rooms/kitchen/messages", { userId: "carol", content: "cherries" });
  await open(page, mock.page);
  await page.locator("#search").fill("pears apples");
  await expect(row(page, "apples and pears")).toHaveCount(2);
  await expect(row(page, "pears only")).toHaveCount(0);
  await expect(page.locator("#rows mark").first()).toHaveText("apples");
  await expect(page.locator("#shown")).toContainText("2 of ");
  await page.locator("#search").fill("nothing has this text");
  await expect(page.locator("#empty")).toHaveText("No entry matches the filter.");
  await page.locator("#search").fill("");
  await page.locator("#only-room").selectOption("kitchen");
  await expect(row(page, "cherries")).toHaveCount(2);
  await expect(row(page, "pears")).toHaveCount(0);
  await page.locator("#only-room").selectOption("");
  await page.locator("#only-user").selectOption("bob");
  await expect(row(page, "pears only").first()).toBeVisible();
  await expect(row(page, "cherries")).toHaveCount(0);
  await page.locator("#only-user").selectOption("");
  await page.locator("#only-group").selectOption("requests");
  await expect(row(page, "CreateRoom").first()).toBeVisible();
  await expect(row(page, "MESSAGE")).toHaveCount(0);
  // New entries are filtered, too.
  await page.locator("#only-group").selectOption("frames");
  await mock.call("POST", "rooms", { name: "cellar" });
  await mock.say("bob", "last");
  await expect(row(page, "last").first()).toBeVisible();
  await expect(row(page, "CreateRoom")).toHaveCount(0);
});

test("a click on a frame shows its JSON", async ({ page, mock }) => {
  await mock.say("alice", "hello");
  await open(page, mock.page);
  await row(page, "→ alice MESSAGE").click();
  const frame = JSON.parse(await page.locator("#detail-frame").textContent());
  expect(frame).toMatchObject({ Type: "MESSAGE", Content: "hello", Sender: { UserId: "alice" } });
  await expect(page.locator("#detail-members")).toContainText("frame_sent");
  await page.getByRole("button", { name: "Copy the frame" }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("\"Type\":\"MESSAGE\"");
  await page.getByRole("button", { name: /^Cause/ }).click();
  await expect(page.locator("#detail-title")).toHaveText("SEND_MESSAGE \"hello\"");
  await page.getByRole("button", { name: "Close the details" }).click();
  await expect(page.locator("#detail")).toBeHidden();
});

test("the keyboard is enough", async ({ page, mock }) => {
  await mock.say("alice", "first");
  await mock.say("alice", "second");
  await open(page, mock.page);
  await page.keyboard.press("/");
  await expect(page.locator("#search")).toBeFocused();
  await page.keyboard.type("second");
  await expect(row(page, "first")).toHaveCount(0);
  for (let i = 0; i < 4; i += 1) await page.keyboard.press("Tab");
  await expect(page.locator("#rows")).toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page.locator("#detail-title")).toHaveText("MESSAGE \"second\"");
  await page.keyboard.press("ArrowUp");
  await expect(page.locator("#detail-title")).toHaveText("SEND_MESSAGE \"second\"");
  await expect.poll(async () => {
    const active = await page.locator("#rows").getAttribute("aria-activedescendant");
    return page.locator(`#${active}`).getAttribute("aria-selected", { timeout: 1_000 }).catch(() => "");
  }).toBe("true");
  await page.keyboard.press("Escape");
  await expect(page.locator("#detail")).toBeHidden();
  await expect(page.locator("#rows")).toBeFocused();
  if (isNarrow(page)) {
    await page.locator("nav [data-tab=actions]").focus();
    await page.keyboard.press("Enter");
  }
  await page.locator("#content").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await expect(page.locator("#request-list .command").first()).toContainText("\"content\":\"typed\"");
  await page.locator("[data-action=hour]").focus();
  await page.keyboard.press("Space");
  await expect(page.locator("#request-list .command").first()).toContainText("3600000");
  // The session has ended, so the list of connections is empty before its buttons are counted.
  await expect(page.locator("#connection-count")).toHaveText("0");
  await expect(page.locator("#room-list li")).toHaveCount(0);
  // Every control that is visible is reached by the tabulator. Lists are drawn again while it moves,
  // so a control is known by what it is called, not by its place.
  const controls = () => page.evaluate(() => {
    const name = ({ id, dataset, textContent, ariaLabel }) =>
      id || Object.values(dataset).join(" ") || ariaLabel || textContent.trim();
    const all = [...document.querySelectorAll("button, input, select")];
    return {
      visible: all.filter((control) => control.checkVisibility()).map(name),
      active: all.includes(document.activeElement) ? name(document.activeElement) : "",
    };
  });
  const reached = new Set();
  const { visible } = await controls();
  for (let i = 0; i < 2 * visible.length + 40; i += 1) {
    await page.keyboard.press("Tab");
    reached.add((await controls()).active);
    if (visible.every((control) => reached.has(control))) break;
  }
  expect(visible.filter((control) => !reached.has(control))).toEqual([]);
});

test("texts of users are never HTML", async ({ page, mock }) => {
  const attack = "<img src=x onerror=\"window.attacked=1\"><script>window.attacked=1</script>";
  await mock.say(attack, attack);
  await mock.call("POST", "rooms/lobby/messages", { userId: attack, content: "'\"><svg/onload=alert(1)>", attributes: { [attack]: attack } });
  await mock.call("POST", "rooms/lobby/events", { eventName: attack, attributes: { text: attack } });
  await mock.call("POST", "rooms/lobby/disconnections", { userId: attack, reason: attack });
  await mock.say(attack, "back again");
  await open(page, mock.page);
  const delivery = row(page, `MESSAGE "<img src=x`).last();
  await delivery.click();
  await expect(page.locator("#detail-frame")).toContainText("onerror");
  await page.locator("#search").fill("<img");
  await expect(page.locator("#rows mark").first()).toHaveText("<img");
  await show(page, "rooms");
  await page.locator(".room button").first().click();
  await press(page, "token");
  await latestRequest(page);
  expect(await page.locator("img, svg, body script, iframe").count()).toBe(0);
  expect(await page.evaluate(() => window.attacked)).toBeUndefined();
});

test("tens of thousands of entries keep the document small", async ({ page }) => {
  const mock = await Mock.start("--room", "lobby", "--unlimited");
  try {
    await open(page, mock.page);
    const { token } = await mock.call("POST", "rooms/lobby/tokens", { userId: "alice", capabilities: ["SEND_MESSAGE"] });
    await page.evaluate(([address, protocol]) => new Promise((resolve, reject) => {
      const socket = new WebSocket(address, protocol);
      let received = 0;
      socket.onopen = () => {
        for (let i = 1; i <= 15_000; i += 1) {
          socket.send(JSON.stringify({ Action: "SEND_MESSAGE", Content: `message ${i}` }));
        }
      };
      socket.onmessage = () => {
        received += 1;
        if (received === 15_000) resolve();
      };
      socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
    }), [mock.urls.ws, token]);
    await expect(row(page, "→ alice MESSAGE \"message 15000\"")).toBeVisible({ timeout: 45_000 });
    await expect(page.locator("#shown")).toContainText("the oldest");
    expect(await page.locator("*").count()).toBeLessThan(700);
    await page.locator("#search").fill("message 14999");
    await expect(row(page, "message 14999")).toHaveCount(2);
    await page.locator("#search").fill("");
    await page.locator("#rows").press("Home");
    await expect(page.locator("#latest")).toBeVisible();
    await page.locator("#latest").click();
    await expect(row(page, "→ alice MESSAGE \"message 15000\"")).toBeVisible();
  } finally {
    await mock.stop();
  }
});

/** Passes connections on to a server until they are cut. */
async function proxyTo(port) {
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => sockets.delete(one)).pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    address: `http://127.0.0.1:${server.address().port}/__admin/`,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}

test("a stream that is cut goes on without a gap and without repetition", async ({ page, mock }) => {
  const proxy = await proxyTo(mock.port);
  try {
    await open(page, proxy.address);
    await mock.say("alice", "before");
    await expect(row(page, "→ alice MESSAGE \"before\"")).toHaveCount(1);
    proxy.cut();
    await mock.say("alice", "between");
    await expect(row(page, "→ alice MESSAGE \"between\"")).toHaveCount(1);
    await expect(page.locator("#stream")).toHaveText("live");
    await expect(row(page, "→ alice MESSAGE \"before\"")).toHaveCount(1);
  } finally {
    proxy.close();
  }
});

test("a server that was started again is shown from its beginning", async ({ page, mock }) => {
  await open(page, mock.page);
  for (const text of ["one", "two", "three"]) await mock.say("alice", text);
  await expect(row(page, "→ alice MESSAGE \"three\"")).toHaveCount(1);
  const { port } = mock;
  await mock.stop();
  await expect(page.locator("#stream")).toHaveText("reconnecting");
  const again = await Mock.start("--port", String(port), "--room", "lobby");
  try {
    await expect(page.locator("#stream")).toHaveText("live");
    await again.say("bob", "hello again");
    await expect(row(page, "→ bob MESSAGE \"hello again\"")).toHaveCount(1);
    await expect(row(page, "three")).toHaveCount(0);
  } finally {
    await again.stop();
  }
});

test("the page fits its screen, and its controls are large enough for fingers", async ({ page, mock }) => {
  await mock.say("alice", "a long text ".repeat(30).trim());
  await open(page, mock.page);
  await row(page, "→ alice MESSAGE").click();
  await press(page, "hour");
  for (const tab of ["log", "actions", "rooms"]) {
    await show(page, tab);
    const { overflow, small } = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - window.innerWidth,
      small: [...document.querySelectorAll("button, input, select")]
        .filter((control) => control.checkVisibility())
        .map((control) => [control.id || control.textContent, control.getBoundingClientRect().height])
        .filter(([, height]) => height < (window.innerWidth < 860 ? 40 : 30)),
    }));
    expect(overflow).toBeLessThanOrEqual(0);
    expect(small).toEqual([]);
  }
});

test("all texts have enough contrast", async ({ page, mock }) => {
  await mock.call("POST", "hooks", { on: "action", reject: { code: 406, reason: "no" }, containing: "spam" }).catch(() => {});
  await mock.say("alice", "spam");
  await open(page, mock.page);
  await row(page, "spam").first().click();
  await press(page, "hour");
  await latestRequest(page);
  for (const tab of ["log", "actions", "rooms"]) {
    await show(page, tab);
    expect(await page.evaluate(faintTexts)).toEqual([]);
  }
});

/** Runs in the page: the texts whose contrast with their background is below 4.5 to 1. */
function faintTexts() {
  const rgb = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = rgb(color).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgb(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText || !element.checkVisibility()) continue;
    const [one, other] = [getComputedStyle(element).color, ground(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faint.push(`${element.textContent.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return faint;
}
