// Uploads several files at once as the order on the command line says, and prints what came of each.
import { readFile } from 'node:fs/promises';
import { ErrorCode } from 'mediarpc';
import { createUploader, MediaRpcError } from 'mediarpc/upload';

interface Order {
  url: string;
  token: string;
  /** Of a photo, which each file begins with. */
  path: string;
  /** The sizes of the files, in bytes. */
  sizes: number[];
  /** Their types, JPEG unless told otherwise. */
  types?: Record<number, string>;
  limit?: number;
  resume?: 'auto';
  retrySeconds?: number;
  /** Give these up when the first call has gone. */
  abort?: number[];
}

const order = JSON.parse(process.argv[2]!) as Order;
const aborts = order.sizes.map(() => new AbortController());
const photo = await readFile(order.path);
const waits: string[] = [];
const fields: string[] = [];
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
    const file = new File([photo, new Uint8Array(size - photo.length)], `${place}.jpg`, { type: order.types?.[place] ?? 'image/jpeg' });
    const onWait = ({ reason }: { reason: string }) => void waits.push(reason);
    const options = { signal: aborts[place]!.signal, onWait, ...(order.resume && { resume: order.resume }) };
    return (await upload(file, options)).filename;
  } catch (error) {
    const details = error instanceof MediaRpcError && error.is(ErrorCode.VALIDATION_ERROR) ? error.details : undefined;
    if (details && 'field' in details) fields.push(details.field);
    return error instanceof MediaRpcError ? `${error.code} ${error.requestId.slice(0, 4)}` : (error as Error).name;
  }
}

const outcomes = await Promise.all(order.sizes.map(one));
console.log(JSON.stringify({ outcomes, most, waits, fields }));
