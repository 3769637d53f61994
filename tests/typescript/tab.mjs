// Opens media in tabs of a running Chromium, and prints what each plays: seconds, or why not.
import { setTimeout as wait } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const { browser, urls } = JSON.parse(process.argv[2]);

/** What a tab's element has, once it has a picture or a sound, or cannot: the page itself is in a sandbox, without timers. */
async function played(page, url) {
  const complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto(url, { waitUntil: 'commit' });
  for (let waits = 0; ; waits++) {
    const found = await page.evaluate(() => {
      const element = document.querySelector('video, audio');
      return element && { ready: element.readyState, seconds: element.duration, error: element.error?.message ?? null };
    });
    if (found?.ready > 1 || found?.error || waits > 100) return { ...found, complaints };
    await wait(100);
  }
}

const chrome = await chromium.connect(browser);
const profile = await chrome.newContext();
for (const url of urls) console.log(JSON.stringify(await played(await profile.newPage(), url)));
await profile.close();
await chrome.close();
