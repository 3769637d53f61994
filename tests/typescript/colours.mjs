// Shows images and videos in Chromium; prints the colours that it paints at four places beside each other, as JSON.
import { readFile } from 'node:fs/promises';
import { opened } from './opened.mjs';

const PLACES = [1 / 8, 3 / 8, 5 / 8, 7 / 8];
const { browser, files } = JSON.parse(process.argv[2]);

/** Runs in the page. */
async function paint({ type, base64, places }) {
  const body = await (await fetch(`data:${type};base64,${base64}`)).blob();
  const isVideo = type.startsWith('video/');
  const element = document.createElement(isVideo ? 'video' : 'img');
  const painted = new Promise((resolve, reject) => {
    element.onerror = () => reject(new Error(`${type} cannot be shown`));
    if (isVideo) element.requestVideoFrameCallback(resolve);
    else element.onload = resolve;
  });
  element.src = URL.createObjectURL(body);
  await painted;
  const [width, height] = isVideo ? [element.videoWidth, element.videoHeight] : [element.naturalWidth, element.naturalHeight];
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(element, 0, 0);
  return places.map((place) => [...canvas.getImageData(Math.floor(place * width), height / 2, 1, 1).data].slice(0, 3));
}

await opened({ browser, html: '<!doctype html><title>Colours</title>', scripts: {} }, async (page, url) => {
  await page.goto(url);
  const colours = [];
  for (const { type, path } of files) {
    const base64 = (await readFile(path)).toString('base64');
    colours.push(await page.evaluate(paint, { type, base64, places: PLACES }));
  }
  console.log(JSON.stringify(colours));
});
