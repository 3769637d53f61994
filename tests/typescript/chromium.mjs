// Opens page.js in Chromium, served on loopback, as the order on the command line says; prints what the page tells, and
// which parts it sends, as lines of JSON.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const FLAGS = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking', 'disable-component-update'];
const PAGE = '<!doctype html><title>Upload</title><input type="file"><script type="module" src="page.js"></script>';
const { executablePath, path, ...order } = JSON.parse(process.argv[2]);

function say(said) {
  console.log(JSON.stringify(said));
}

const server = createServer(async (request, response) => {
  const isScript = request.url === '/page.js';
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
  response.end(isScript ? await readFile('page.js') : PAGE);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));

const args = [...FLAGS, ...(process.getuid() === 0 ? ['no-sandbox'] : [])].map((flag) => `--${flag}`);
const browser = await chromium.launch({ executablePath, args });
try {
  const page = await browser.newPage();
  await page.exposeFunction('say', say);
  page.on('pageerror', (error) => say({ error: String(error) }));
  page.on('request', (request) => {
    const part = new URL(request.url()).searchParams.get('partNumber');
    if (request.method() === 'PUT') say({ put: part && Number(part) });
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.setInputFiles('input', path);
  await page.evaluate((order) => void (window.order = order), order);
  const started = page.evaluate(() => window.start()).catch(() => undefined); // ends with the page that is left
  if (order.stop === 'leave') {
    await page.waitForFunction(() => window.left);
    await page.reload();
    say({ reloaded: true });
    await page.evaluate((order) => void (window.order = order), { ...order, stop: undefined });
    await page.evaluate(() => window.restore());
  } else await started;
} finally {
  await browser.close();
  server.close();
}
