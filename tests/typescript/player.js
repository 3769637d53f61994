// What runs in the page: plays a URL as an order says, by hls.js or plainly, and tells how that went.
import Hls from './hls.mjs';

const CLOCK = [1 / 4, 1 / 4]; // where the picture's brightness is read, as parts of its sides
const WAITS = Hls.ErrorDetails.BUFFER_STALLED_ERROR; // what is next is still to come
const GIVEN_UP = 'aborted'; // a load that a seek has made needless; hls.js goes on
const video = document.querySelector('video');
const pencil = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });

function next(name) {
  return new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));
}

/** The second and the brightness of each frame that is seen from now on. */
function framesSeen() {
  const seen = [];
  const look = (_, { mediaTime }) => {
    const [left, top] = [CLOCK[0] * video.videoWidth, CLOCK[1] * video.videoHeight];
    pencil.drawImage(video, left, top, 1, 1, 0, 0, 1, 1);
    seen.push([mediaTime, pencil.getImageData(0, 0, 1, 1).data[1]]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  return seen;
}

/** Load a master playlist, in one quality or in those that hls.js chooses; `failed` is resolved when it gives up. */
async function load({ url, level = -1, seeks = [] }, told) {
  const harmless = seeks.length ? [WAITS, GIVEN_UP] : [WAITS];
  const hls = new Hls();
  const parsed = new Promise((resolve) => hls.once(Hls.Events.MANIFEST_PARSED, resolve));
  const failed = new Promise((resolve) => {
    hls.on(Hls.Events.ERROR, (_, { details, fatal }) => {
      if (!harmless.includes(details)) told.errors.push(details);
      if (fatal) resolve();
    });
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => told.levels.push(level));
  hls.loadSource(url);
  hls.attachMedia(video);
  await Promise.race([parsed, failed]);
  told.offered = hls.levels.map(({ width, height, frameRate, codecSet }) => [width, height, frameRate, codecSet]);
  hls.loadLevel = level;
  return { hls, failed };
}

/** Once so much has been played, go over to another quality: at once (`currentLevel`), or soon (`nextLevel`). */
function change(hls, { at, how, level }) {
  const look = () => {
    if (video.currentTime < at) return;
    video.removeEventListener('timeupdate', look);
    hls[how] = level;
  };
  video.addEventListener('timeupdate', look);
}

async function playToTheEnd({ seeks = [], rate = 1 }) {
  const ended = next('ended');
  await video.play();
  for (const second of seeks) {
    const seeked = next('seeked');
    video.currentTime = second;
    await seeked;
    await new Promise((seen) => video.requestVideoFrameCallback(seen));
  }
  video.playbackRate = rate;
  await ended;
}

function partsOf(ranges) {
  return Array.from({ length: ranges.length }, (_, part) => [ranges.start(part), ranges.end(part)]);
}

window.play = async (order) => {
  const told = { origin: location.origin, errors: [], levels: [], offered: [], sizes: [], seen: framesSeen() };
  const over = [next('error').then(() => told.errors.push(video.error.message))];
  video.addEventListener('resize', () => told.sizes.push([video.videoWidth, video.videoHeight]));
  if (order.plain) video.src = order.url;
  else {
    const { hls, failed } = await load(order, told);
    over.push(failed);
    if (order.change) change(hls, order.change);
  }
  await Promise.race([...over, playToTheEnd(order)]);
  return {
    ...told,
    ended: video.ended,
    duration: video.duration,
    played: partsOf(video.played),
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    soundBytes: video.webkitAudioDecodedByteCount,
  };
};
