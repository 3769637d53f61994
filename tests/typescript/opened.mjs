// Opens a page in a running Chromium, served on loopback with its scripts, for as long as some work takes.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

function serve(html, scripts) {
  const server = createServer(async (request, response) => {
    const script = scripts[request.url];
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ? await readFile(script) : html);
  });
  return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)));
}

/** `scripts` are files by the paths that they are served at; `work` gets a blank page, and the URL of the one to open. */
export async function opened({ browser, html, scripts }, work) {
  const server = await serve(html, scripts);
  const chrome = await chromium.connect(browser);
  try {
    const profile = await chrome.newContext();
    await work(await profile.newPage(), `http://127.0.0.1:${server.address().port}/`);
    await profile.close();
  } finally {
    await chrome.close();
    server.closeAllConnections();
    server.close();
  }
}
