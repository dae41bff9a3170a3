import { expect } from "@playwright/test";
import { test } from "./fixtures.mjs";

async function send(page, content) {
  await page.getByLabel("Message").fill(content);
  await page.getByRole("button", { name: "Send" }).click();
}

/** The next message of alice with this word is denied. */
const DENY = {
  on: "action",
  from: "alice",
  containing: "spam",
  expect: 1,
  then: { reject: { errorCode: 406, errorMessage: "no spam, please" } },
};

test("a message that review denies is explained to the user", async ({ mock, page, open }) => {
  await mock.control("POST", "hooks", DENY);
  await open();
  await expect(page.locator("#state")).toHaveText("connected");
  await send(page, "spam");
  await expect(page.locator("#problem")).toHaveText("406: no spam, please");
  await send(page, "hello");
  await expect(page.locator("#messages")).toHaveText("alice: hello");
  await expect(page.locator("#problem")).toBeEmpty();

  const log = await mock.control("GET", "log?format=text");
  expect(log).toContain("\"ErrorCode\":406");
  await mock.control("GET", "verify");
});

test("the page connects again when its session has ended", async ({ mock, page, open }) => {
  await open();
  await expect(page.locator("#state")).toHaveText("connected");
  await mock.control("POST", "clock/advance", { byMs: 60 * 60 * 1000 });
  await expect.poll(async () => {
    const { entries } = await mock.control("GET", "log?format=json&kind=connected");
    return entries.length;
  }).toBe(2);
  await expect(page.locator("#state")).toHaveText("connected");
});

test("the page connects again after its connection was cut", async ({ mock, page, open }) => {
  await open();
  await expect(page.locator("#state")).toHaveText("connected");
  const { connections } = await mock.control("GET", "connections?userId=alice");
  await mock.control("POST", `connections/${connections[0].id}/reset`, {});
  await mock.control("GET", "log?format=text");
  await expect.poll(async () => {
    const { entries } = await mock.control("GET", "log?format=json&kind=connected");
    return entries.length;
  }).toBe(2);
  await mock.control("POST", "rooms/lobby/messages", { userId: "bob", content: "welcome back" });
  await expect(page.locator("#messages")).toHaveText("bob: welcome back");
});

test("the page gives up in an outage", async ({ mock, page, open }) => {
  await open();
  await expect(page.locator("#state")).toHaveText("connected");
  await mock.control("POST", "outage", {});
  await expect(page.locator("#state")).toHaveText("disconnected");
});
