import { ErrorCode, type MediaProcedures, type RpcErrorData } from 'mediarpc';
import { bearer, isRenewable, type Endpoint } from './endpoint.js';
import { MediaRpcError, MediaTransportError } from './errors.js';

interface Procedures {
  'media.initiateUpload': MediaProcedures.InitiateUpload;
  'media.initiateUploads': MediaProcedures.InitiateUploads;
  'media.completeUpload': MediaProcedures.CompleteUpload;
  'media.initiateMultipartUpload': MediaProcedures.InitiateMultipartUpload;
  'media.signParts': MediaProcedures.SignParts;
  'media.completeMultipartUpload': MediaProcedures.CompleteMultipartUpload;
  'media.getUploadStatus': MediaProcedures.GetUploadStatus;
  'media.listUploads': MediaProcedures.ListUploads;
  'media.cancelUpload': MediaProcedures.CancelUpload;
  'media.getProcessingStatus': MediaProcedures.GetProcessingStatus;
  'media.getMedia': MediaProcedures.GetMedia;
}

interface Reply {
  result?: unknown;
  error?: { message: string; data?: RpcErrorData };
}

const CALL_TIMEOUT = 60_000; // milliseconds

/** Call a procedure once over JSON-RPC, and with another token once more when the server refuses the first. */
export async function call<Name extends keyof Procedures>(
  endpoint: Endpoint,
  method: Name,
  params: Procedures[Name]['input'],
  signal?: AbortSignal,
): Promise<Procedures[Name]['output']> {
  try {
    return await callOnce(endpoint, method, params, signal);
  } catch (error) {
    if (!isRefusedToken(error) || !isRenewable(endpoint)) throw error;
    return callOnce(endpoint, method, params, signal);
  }
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof MediaRpcError && (error.is(ErrorCode.SESSION_EXPIRED) || error.is(ErrorCode.INVALID_TOKEN));
}

async function callOnce<Name extends keyof Procedures>(
  endpoint: Endpoint,
  method: Name,
  params: Procedures[Name]['input'],
  signal?: AbortSignal,
): Promise<Procedures[Name]['output']> {
  const request: RequestInit = {
    method: 'POST',
    headers: { ...(await bearer(endpoint)), 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: within(CALL_TIMEOUT, signal),
  };
  if (endpoint.credentials) request.credentials = endpoint.credentials;
  const [status, reply] = await ask(endpoint, request);
  if (reply?.error?.data?.rpcCode !== undefined) throw refusal(reply.error.message, reply.error.data);
  if (reply === undefined || !('result' in reply)) {
    throw new MediaTransportError(`${method} failed: ${reply?.error?.message ?? `HTTP ${status}`}`, status);
  }
  return reply.result as Procedures[Name]['output'];
}

/** The status, and the document when there is one. */
async function ask(endpoint: Endpoint, request: RequestInit): Promise<[number, Reply | undefined]> {
  const send = endpoint.fetch ?? fetch;
  try {
    const response = await send(endpoint.url, request);
    const text = await response.text();
    return [response.status, parsed(text)];
  } catch (cause) {
    throw new MediaTransportError('The server cannot be reached', undefined, { cause });
  }
}

function parsed(text: string): Reply | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? document : undefined;
  } catch {
    return undefined;
  }
}

function refusal(message: string, { rpcCode, requestId, details }: RpcErrorData): MediaRpcError {
  return new MediaRpcError<ErrorCode>(message, rpcCode, details, requestId);
}

function within(milliseconds: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(milliseconds);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
