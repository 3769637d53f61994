// Uploads several files at once as the order on the command line says, and prints what came of each.
import { readFile } from 'node:fs/promises';
import { createUploader, MediaRpcError } from 'mediarpc/upload';

interface Order {
  url: string;
  token: string;
  /** Of a photo, which each file begins with. */
  path: string;
  /** The sizes of the files, in bytes. */
  sizes: number[];
  limit?: number;
  retrySeconds?: number;
  /** Give these up when the first call has gone. */
  abort?: number[];
}

const order = JSON.parse(process.argv[2]!) as Order;
const aborts = order.sizes.map(() => new AbortController());
const photo = await readFile(order.path);
const waits: string[] = [];
let sending = 0;
let most = 0;

const upload = createUploader({
  url: order.url,
  token: order.token,
  retryDelay: 20,
  retrySeconds: order.retrySeconds ?? 30,
  ...(order.limit !== undefined && { limit: order.limit }),
  fetch: counting,
});

async function counting(...[url, init]: Parameters<typeof fetch>): Promise<Response> {
  const isPut = init?.method === 'PUT';
  if (isPut) most = Math.max(most, (sending += 1));
  const reply = fetch(url, init);
  for (const place of order.abort ?? []) aborts[place]!.abort();
  return reply.finally(() => (sending -= isPut ? 1 : 0));
}

async function one(size: number, place: number): Promise<string> {
  try {
    const file = new File([photo, new Uint8Array(size - photo.length)], `${place}.jpg`, { type: 'image/jpeg' });
    const options = { signal: aborts[place]!.signal, onWait: ({ reason }: { reason: string }) => void waits.push(reason) };
    return (await upload(file, options)).filename;
  } catch (error) {
    return error instanceof MediaRpcError ? `${error.code} ${error.requestId.slice(0, 4)}` : (error as Error).name;
  }
}

const outcomes = await Promise.all(order.sizes.map(one));
console.log(JSON.stringify({ outcomes, most, waits }));
