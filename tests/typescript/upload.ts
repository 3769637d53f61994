// Uploads one file as the order on the command line says, and prints what came of it.
import { readFile } from 'node:fs/promises';
import { createUploader, MediaRpcError, MediaTransportError } from 'mediarpc/upload';
import type { UploadOptions } from 'mediarpc/upload';

interface Order {
  url: string;
  token: string;
  path: string;
  type: string;
  options?: UploadOptions;
  retrySeconds?: number;
  /** Give up at the first call, or once so many bytes have been sent. */
  abort?: 'first call' | number;
}

const order = JSON.parse(process.argv[2]!) as Order;
const controller = new AbortController();
const sent: number[] = [];

const upload = createUploader({
  url: order.url,
  token: () => order.token,
  tries: 3,
  retryDelay: 20,
  retrySeconds: order.retrySeconds ?? 30,
  ...(order.abort === 'first call' && { fetch: abortingFetch }),
});

function abortingFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  const reply = fetch(...request);
  controller.abort();
  return reply;
}

function told(error: unknown): object {
  if (error instanceof MediaRpcError) {
    const { name, message, code, details, requestId } = error;
    return { name, message, code, details, requestId };
  }
  if (error instanceof MediaTransportError) return { name: error.name, message: error.message, status: error.status };
  return { name: (error as Error).name };
}

try {
  const file = new File([await readFile(order.path)], 'photo.jpg', { type: order.type });
  const media = await upload(file, {
    ...order.options,
    signal: controller.signal,
    onProgress(progress) {
      sent.push(progress.sent);
      if (typeof order.abort === 'number' && progress.sent >= order.abort) controller.abort();
    },
  });
  console.log(JSON.stringify({ media, sent }));
} catch (error) {
  console.log(JSON.stringify({ error: told(error), sent }));
}
