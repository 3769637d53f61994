// Opens page.js in Chromium as the order on the command line says; prints what the page tells, and which parts it sends,
// as lines of JSON.
import { opened } from './opened.mjs';

const HTML = '<!doctype html><title>Upload</title><input type="file"><script type="module" src="page.js"></script>';
const { browser, path, ...order } = JSON.parse(process.argv[2]);

function say(said) {
  console.log(JSON.stringify(said));
}

await opened({ browser, html: HTML, scripts: { '/page.js': 'page.js' } }, async (page, url) => {
  await page.exposeFunction('say', say);
  await page.exposeFunction('disconnect', async () => {
    await page.context().setOffline(true);
    await page.waitForTimeout(2000);
    say({ online: true });
    await page.context().setOffline(false);
  });
  page.on('pageerror', (error) => say({ error: String(error) }));
  page.on('request', (request) => {
    const part = new URL(request.url()).searchParams.get('partNumber');
    if (request.method() === 'PUT') say({ put: part && Number(part) });
  });
  await page.goto(url);
  await page.setInputFiles('input', path);
  await page.evaluate((order) => void (window.order = order), order);
  const started = page.evaluate(() => window.start()).catch(() => undefined); // ends with the page that is left
  if (order.stop === 'leave') {
    await page.waitForFunction(() => window.left);
    await page.reload();
    say({ reloaded: true });
    await page.setInputFiles('input', path);
    await page.evaluate((order) => void (window.order = order), { ...order, stop: undefined });
    await page.evaluate(() => window.restore());
  } else await started;
});
