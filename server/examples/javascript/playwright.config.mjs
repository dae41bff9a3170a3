import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  workers: 1,
  reporter: "list",
  outputDir: process.env.EXAMPLE_RESULTS ?? "test-results",
  use: {
    // Remove this to use the browser of `npx playwright install`.
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
  projects: [
    { name: "plain", use: { isEncrypted: false } },
    { name: "tls", use: { isEncrypted: true } },
  ],
});
