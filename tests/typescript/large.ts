// Uploads one file as the order on the command line says, and prints each thing that happens as a line of JSON.
import { openAsBlob } from 'node:fs';
import { createUploader, MediaProcessingError, MediaRpcError, MediaTransportError } from 'mediarpc/upload';
import type { UploaderOptions, UploadOptions } from 'mediarpc/upload';

interface Order {
  uploader: UploaderOptions;
  path: string;
  options?: UploadOptions;
  /** Bytes: once so many have gone, do this. */
  pauseAt?: number;
  abortAt?: number;
  /** Give up when waiting is told, or the first progress of processing. */
  abortWaiting?: boolean;
  abortProcessing?: boolean;
  /** Once it has failed, upload the file once more, resuming what is found. */
  again?: boolean;
  /** Milliseconds to stay paused. */
  pause?: number;
}

const order = JSON.parse(process.argv[2]!) as Order;
const controller = new AbortController();

function say(said: object): void {
  console.log(JSON.stringify(said));
}

function told(error: unknown): object {
  if (error instanceof MediaRpcError) return { name: error.name, message: error.message, code: error.code };
  if (error instanceof MediaProcessingError) return { name: error.name, code: error.code, reason: error.reason, id: error.media.id };
  if (error instanceof MediaTransportError) return { name: error.name, message: error.message, status: error.status };
  return { name: (error as Error).name, message: (error as Error).message };
}

/** Pause once, for a while. */
function pausing(): void {
  delete order.pauseAt;
  running.pause();
  say({ paused: true });
  setTimeout(() => {
    say({ resumed: true });
    running.resume();
  }, order.pause);
}

const upload = createUploader({ tries: 3, retryDelay: 20, ...order.uploader });
const file = new File([await openAsBlob(order.path)], 'film.mp4', { type: 'video/mp4' });
const running = upload(file, {
  ...order.options,
  signal: controller.signal,
  onMediaId: (mediaId) => say({ mediaId }),
  onWait({ seconds, reason }) {
    say({ wait: reason, seconds });
    if (order.abortWaiting) controller.abort();
  },
  onProcessing(progress) {
    say({ processing: progress });
    if (order.abortProcessing) controller.abort();
  },
  onProgress({ sent }) {
    say({ sent });
    if (order.abortAt !== undefined && sent >= order.abortAt) controller.abort();
    if (order.pauseAt !== undefined && sent >= order.pauseAt) pausing();
  },
});
try {
  say({ media: await running });
} catch (error) {
  say({ error: told(error) });
  if (order.again) {
    say({ media: await upload(file, { resume: 'auto', onMediaId: (mediaId) => say({ mediaId }) }) });
  }
}
