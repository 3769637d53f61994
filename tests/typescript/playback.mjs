// Opens player.js in Chromium and has it play what the order on the command line says; prints what it tells as JSON.
import { opened } from './opened.mjs';

const HTML = '<!doctype html><title>Film</title><video muted crossorigin></video><script type="module" src="player.js"></script>';
const SCRIPTS = { '/player.js': 'player.js', '/hls.mjs': 'node_modules/hls.js/dist/hls.mjs' };
const { browser, ...order } = JSON.parse(process.argv[2]);

await opened({ browser, html: HTML, scripts: SCRIPTS }, async (page, url) => {
  page.on('pageerror', (error) => console.error(String(error)));
  await page.goto(url);
  await page.waitForFunction(() => window.play);
  console.log(JSON.stringify(await page.evaluate((order) => window.play(order), order)));
});
