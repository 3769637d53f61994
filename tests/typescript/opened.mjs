// Opens a page in Chromium, served on loopback with its scripts, for as long as some work takes.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const FLAGS = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking', 'disable-component-update'];

function serve(html, scripts) {
  const server = createServer(async (request, response) => {
    const script = scripts[request.url];
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ? await readFile(script) : html);
  });
  return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)));
}

/** `scripts` are files by the paths that they are served at; `work` gets a blank page, and the URL of the one to open. */
export async function opened({ executablePath, html, scripts }, work) {
  const server = await serve(html, scripts);
  const args = [...FLAGS, ...(process.getuid() === 0 ? ['no-sandbox'] : [])].map((flag) => `--${flag}`);
  const browser = await chromium.launch({ executablePath, args });
  try {
    await work(await browser.newPage(), `http://127.0.0.1:${server.address().port}/`);
  } finally {
    await browser.close();
    server.close();
  }
}
