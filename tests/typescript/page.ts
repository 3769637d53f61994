// What runs in the page of a browser: uploads the file that was chosen as the order says, and tells each thing that
// happens to whoever opened the page.
import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import GoldenRetriever from '@uppy/golden-retriever';
import { createUploader, type UploaderOptions, type UploadOptions } from 'mediarpc/upload';
import { awsS3Options, sendFilesOf } from 'mediarpc/uppy';

export interface Order {
  /** `upload` itself, or Uppy with its own plugin or with the package's uploader. */
  sender: 'upload' | 'stock' | 'ours';
  uploader: UploaderOptions;
  /** Bytes: once so many have gone, do this. */
  stopAt?: number;
  /** To pause for a second, to give up, to stop sending and be ready for a reload of the page, or to be offline a while. */
  stop?: 'pause' | 'cancel' | 'leave' | 'disconnect';
}

interface Stops {
  pause(): void;
  resume(): void;
  cancel(): void;
}

declare global {
  interface Window {
    order: Order;
    /** Whether the page can be reloaded now. */
    left: boolean;
    say(said: object): void;
    disconnect(): Promise<void>;
    start(): Promise<void>;
    restore(): Promise<void>;
  }
}

const { say } = window;
const LARGER_FILES: {} = { maxFileSize: 100_000_000 }; // what the plugin takes, and its types leave out

function sent(bytes: number, stops: Stops): void {
  const { stop, stopAt = Infinity } = window.order;
  say({ sent: bytes });
  if (bytes < stopAt || !stop) return;
  delete window.order.stop;
  if (stop === 'cancel') return stops.cancel();
  if (stop === 'disconnect') return void window.disconnect();
  stops.pause();
  say({ paused: true });
  setTimeout(() => {
    window.left = stop === 'leave';
    if (window.left) return;
    say({ resumed: true });
    stops.resume();
  }, 1000);
}

function chosen(): File {
  return document.querySelector('input')!.files![0]!;
}

async function uploadChosen(options?: UploadOptions): Promise<void> {
  const giving = new AbortController();
  const running = createUploader(window.order.uploader)(chosen(), {
    ...options,
    signal: giving.signal,
    onWait: ({ reason, seconds }) => say({ wait: reason, seconds }),
    onProgress: (progress) =>
      sent(progress.sent, {
        pause: () => running.pause(),
        resume: () => running.resume(),
        cancel: () => giving.abort(),
      }),
  });
  await running.then(
    (media) => say({ uploaded: media.id }),
    (error: Error) => say({ error: error.name }),
  );
}

function newUppy(): Uppy {
  const uppy = new Uppy({ debug: false });
  const { sender, uploader } = window.order;
  if (sender === 'stock') uppy.use(AwsS3, awsS3Options(uploader));
  else sendFilesOf(uppy, uploader);
  uppy.use(GoldenRetriever, { indexedDB: LARGER_FILES });
  uppy.on('upload-progress', (_, { bytesUploaded }) =>
    sent(bytesUploaded || 0, {
      pause: () => uppy.pauseAll(),
      resume: () => uppy.resumeAll(),
      cancel: () => uppy.cancelAll(),
    }),
  );
  uppy.on('upload-error', (_, error) => say({ error: error.message }));
  uppy.on('upload-success', (_, { body }) => say({ uploaded: body?.id ?? body?.key }));
  return uppy;
}

window.start = async () => {
  if (window.order.sender === 'upload') return uploadChosen();
  const uppy = newUppy();
  uppy.addFile({ name: chosen().name, type: chosen().type, data: chosen() });
  await uppy.upload();
};

/** Go on with what was left when the page was reloaded. */
window.restore = async () => {
  if (window.order.sender === 'upload') return uploadChosen({ resume: 'auto' });
  const uppy = newUppy();
  await new Promise((restored) => uppy.on('restored', restored));
  const complete = new Promise((resolve) => uppy.on('complete', resolve));
  uppy.emit('restore-confirmed');
  await complete;
};
