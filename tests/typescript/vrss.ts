// The two clients that VRSS's documents show, in their habits: what each makes of the server's answers.
import { randomUUID } from 'node:crypto';
import type { MediaProcedures, RPCRequest, RPCResponse } from 'mediarpc';

const { base, token } = JSON.parse(process.argv[2]!) as { base: string; token: string };
const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };

class Refusal extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
  }
}

/** Speaks the envelope, and reads the body whatever the status is. */
async function envelope<Input, Output>(procedure: string, input: Input, bearer = token): Promise<Output> {
  const context = { correlationId: randomUUID(), clientVersion: '1.0.0' };
  const request: RPCRequest<Input> = { procedure, input, context };
  const reply = await fetch(`${base}/api/rpc`, {
    method: 'POST',
    headers: { ...headers, Authorization: `Bearer ${bearer}` },
    credentials: 'include',
    body: JSON.stringify(request),
  });
  const answer = (await reply.json()) as RPCResponse<Output>;
  if (!answer.success) throw new Refusal(answer.error.code, answer.error.message, answer.error.details);
  return answer.data;
}

interface Answer {
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

/** Names a method without saying which protocol it speaks; trusts the status first, then looks for an error. */
async function methods<Sent extends object>(sent: Sent): Promise<Answer | Answer[]> {
  const reply = await fetch(`${base}/api/rpc`, { method: 'POST', headers, body: JSON.stringify(sent) });
  if (!reply.ok) throw new Refusal(reply.status, 'HTTP error');
  return (await reply.json()) as Answer | Answer[];
}

function method(name: string, params?: object): object {
  return { method: name, params, id: randomUUID() };
}

function result({ error, result }: Answer): unknown {
  return error ? { code: error.code, message: error.message } : result;
}

async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const { code, message, details } = error as Refusal;
    return { code, message, details };
  }
}

type Initiate = MediaProcedures.InitiateUpload;
const photo: Initiate['input'] = { filename: 'photo.jpg', contentType: 'image/jpeg', size: 2 ** 20 };
const ticket = await envelope<Initiate['input'], Initiate['output']>('media.initiateUpload', photo);

console.log(
  JSON.stringify({
    initiated: ticket.uploadUrl.includes('photo.jpg'),
    withoutInput: await outcome(envelope('media.getStorageUsage', undefined)),
    tooLarge: await outcome(envelope('media.initiateUpload', { ...photo, size: 15 * 2 ** 20 })),
    unknown: await outcome(envelope('media.getEverything', {})),
    nobody: await outcome(envelope('media.getStorageUsage', undefined, '')),
    call: result((await methods(method('media.getStorageUsage'))) as Answer),
    batch: ((await methods([method('media.getStorageUsage'), method('media.listMedia', {})])) as Answer[]).map(result),
    asJsonRpc: result((await methods({ jsonrpc: '2.0', ...method('media.getStorageUsage') })) as Answer),
  }),
);
