import { defineConfig } from "@playwright/test";

const project = (width, height, colorScheme) => ({
  name: `${width}-${colorScheme}`,
  use: { viewport: { width, height }, colorScheme },
});

export default defineConfig({
  testDir: ".",
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  outputDir: process.env.PAGE_TEST_RESULTS ?? "test-results",
  use: {
    permissions: ["clipboard-read", "clipboard-write"],
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
  projects: [
    project(1280, 800, "light"), project(1280, 800, "dark"),
    project(400, 780, "light"), project(400, 780, "dark"),
  ],
});
