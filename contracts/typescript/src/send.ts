import type { UploadTicket } from 'mediarpc';
import { MediaTransportError } from './errors.js';

/** One request that brings bytes to storage. */
export type Destination = Pick<UploadTicket, 'uploadUrl' | 'method' | 'headers'>;
export type OnSent = (bytes: number) => void;

const PIECE = 64 * 1024; // bytes

/** Send bytes where a ticket says, telling how many have gone, as exactly as the platform lets. */
export async function send(
  destination: Destination,
  bytes: Blob,
  onSent: OnSent,
  signal: AbortSignal | undefined,
  fetched: typeof fetch | undefined,
): Promise<void> {
  onSent(0);
  signal?.throwIfAborted();
  if (typeof XMLHttpRequest === 'function' && !fetched) await sendByXhr(destination, bytes, onSent, signal);
  else await sendByFetch(destination, bytes, onSent, signal, fetched ?? fetch);
  onSent(bytes.size);
}

/** Browsers tell the progress of an upload to XMLHttpRequest alone. */
function sendByXhr(
  { method, uploadUrl, headers }: Destination,
  bytes: Blob,
  onSent: OnSent,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open(method, uploadUrl);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(Math.min(event.loaded, bytes.size));
    request.onabort = () => reject(signal?.reason);
    request.onerror = () => reject(unreachable());
    request.onload = () => (request.status < 300 ? resolve() : reject(refused(request.status)));
    request.onloadend = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    request.send(bytes);
  });
}

async function sendByFetch(
  { method, uploadUrl, headers }: Destination,
  bytes: Blob,
  onSent: OnSent,
  signal: AbortSignal | undefined,
  fetched: typeof fetch,
): Promise<void> {
  const body = setsItsOwnLength() ? streamed(bytes, onSent, signal) : { body: bytes, headers: {} };
  const request: RequestInit = { method, ...body, headers: { ...headers, ...body.headers }, credentials: 'omit' };
  if (signal) request.signal = signal;
  const response = await fetched(uploadUrl, request).catch((cause: unknown) => {
    throw unreachable(cause);
  });
  await response.body?.cancel();
  if (!response.ok) throw refused(response.status);
}

/** Storage takes a body of a known length only, and Node.js alone lets a stream have one. */
function setsItsOwnLength(): boolean {
  const { process } = globalThis as { process?: { release?: { name?: string } } };
  return process?.release?.name === 'node';
}

function streamed(bytes: Blob, onSent: OnSent, signal: AbortSignal | undefined): RequestInit {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (signal?.aborted) return controller.error(signal.reason); // Node.js reads on from a request that it has ended
      const piece = await bytes.slice(sent, sent + PIECE).arrayBuffer();
      if (piece.byteLength === 0) return controller.close();
      onSent(sent);
      sent += piece.byteLength;
      controller.enqueue(new Uint8Array(piece));
    },
  });
  const init: RequestInit & { duplex: 'half' } = {
    body,
    headers: { 'content-length': String(bytes.size) },
    duplex: 'half',
  };
  return init;
}

function unreachable(cause?: unknown): MediaTransportError {
  return new MediaTransportError('Storage cannot be reached', undefined, { cause });
}

function refused(status: number): MediaTransportError {
  return new MediaTransportError(`Storage refused the bytes with HTTP ${status}`, status);
}
