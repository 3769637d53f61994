// Uploads one file with Uppy, as the order on the command line says, and prints each thing that happens as a line of JSON.
import './browser.mjs';
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import { awsS3Options, MediaRpcError, sendFilesOf, type AwsS3OptionsInput } from 'mediarpc/uppy';

interface Order extends AwsS3OptionsInput {
  /** What sends the files: Uppy's own plugin, or the package's uploader. */
  sender: 'stock' | 'ours';
  path: string;
  type: string;
  /** What Uppy had noted of the file when an earlier process ended. */
  noted?: object;
  /** Bytes: pause for a second, or cancel, once so many have gone. */
  pauseAt?: number;
  cancelAt?: number;
}

const { sender, path, type, noted, ...order } = JSON.parse(process.argv[2]!) as Order;
let { pauseAt = Infinity, cancelAt = Infinity, ...options } = order;

function say(said: object): void {
  console.log(JSON.stringify(said));
}

function pause(): void {
  pauseAt = Infinity;
  uppy.pauseAll();
  say({ paused: true });
  setTimeout(() => {
    say({ resumed: true });
    uppy.resumeAll();
  }, 1000);
}

setMaxListeners(0); // @uppy/aws-s3 listens for an abort once for each request of a file
const told = { tries: 3, retryDelay: 20, ...options };
const uppy = new Uppy({ logger: { debug() {}, warn() {}, error() {} } });
if (sender === 'stock') uppy.use(AwsS3, awsS3Options(told));
else sendFilesOf(uppy, told);
const id = uppy.addFile({ name: 'film.mp4', type, data: new File([await readFile(path)], 'film.mp4', { type }) });
if (noted) uppy.setFileState(id, noted);

uppy.on('upload-progress', (file, { bytesUploaded }) => {
  const { s3Multipart, mediaId } = { mediaId: undefined, ...uppy.getFile(id) };
  say({ sent: bytesUploaded, noted: { s3Multipart, mediaId } });
  if (bytesUploaded && bytesUploaded >= cancelAt) uppy.cancelAll();
  if (bytesUploaded && bytesUploaded >= pauseAt) pause();
});
uppy.on('upload-error', (_, error) => say({ error: error.message, ...(error instanceof MediaRpcError && { code: error.code }) }));

const result = await uppy.upload();
for (const file of result?.successful ?? []) say({ uploaded: file.response?.body });
// Timers of Uppy would keep the process for up to 30 seconds: of its notices, of requests that it aborted. A cancelled
// upload is still to be cancelled on the server.
if (cancelAt === Infinity) process.exit();
