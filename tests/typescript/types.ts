// What must compile does, and what must not is marked: an expected error that is none fails the compilation.
import { ErrorCode } from 'mediarpc';
import type {
  Cursor,
  EventId,
  ISODateTime,
  Media,
  MediaId,
  MediaProcedures,
  MediaState,
  RPCRequest,
  RPCResponse,
  RpcErrorData,
  RpcErrorDetails,
} from 'mediarpc';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_Truth extends true>(): void {}

// Both styles of naming a procedure's input and output say the same.
holds<Same<MediaProcedures.InitiateUpload['input'], MediaProcedures.InitiateUpload.Input>>();
holds<Same<MediaProcedures.InitiateUpload['output'], MediaProcedures.InitiateUpload.Output>>();
holds<Same<MediaProcedures.GetMedia['output'], { media: Media; lastEventId: EventId }>>();
holds<Same<MediaProcedures.GetSupportedFormats.Input, void>>();

// Ids and moments are not any string, and not each other.
declare const mediaId: MediaId;
declare const cursor: Cursor;
declare const moment: ISODateTime;
const text: string = mediaId;
export const made: MediaId = text as MediaId;
// @ts-expect-error a plain string is no MediaId
export const plain: MediaId = text;
// @ts-expect-error a cursor is no MediaId
export const other: MediaId = cursor;
// @ts-expect-error a moment is text, not a Date
moment.getTime();

// Wrong inputs.
type Initiate = MediaProcedures.InitiateUpload.Input;
export const least: Initiate = { filename: 'a.png', contentType: 'image/png', size: 1 };
export const most: Initiate = { ...least, purpose: 'profile', sha256: null, idempotencyKey: 'k' };
// @ts-expect-error size is missing
export const short: Initiate = { filename: 'a.png', contentType: 'image/png' };
// @ts-expect-error size is a number
export const worded: Initiate = { ...least, size: '1' };
// @ts-expect-error a purpose is one of two
export const purposeless: Initiate = { ...least, purpose: 'cover' };
// @ts-expect-error names are exact
export const unknown: Initiate = { filename: 'a.png', contentType: 'image/png', size: 1, fileName: 'a.png' };
// @ts-expect-error a deleted media is not listed
export const listed: MediaProcedures.ListMedia.Input = { status: 'deleted' };

// Outputs: what may be null says so, and nothing is left out.
declare const media: Media;
holds<Same<Media['thumbnailUrl'], string | null>>();
holds<Same<Media['metadata']['fps'], number | undefined>>();
holds<Same<NonNullable<Media['metadata']['tags']>['artist'], string | undefined>>();
// @ts-expect-error no metadata are called so
media.metadata.colour;
// @ts-expect-error it may be null
media.url.length;

// A switch over states is complete, or does not compile.
export function stateWord(state: MediaState): string {
  switch (state) {
    case 'pending':
    case 'processing':
      return 'soon';
    case 'ready':
      return 'here';
    case 'failed':
      return 'broken';
    case 'deleted':
      return 'gone';
    default:
      return state satisfies never;
  }
}

export function incompleteStateWord(state: MediaState): string {
  switch (state) {
    case 'pending':
    case 'processing':
    case 'ready':
    case 'failed':
      return 'here';
    default:
      // @ts-expect-error deleted is missing
      return state satisfies never;
  }
}

// So is one over the codes of errors.
type Told = Exclude<ErrorCode, 1600>;
export function everyCode(code: ErrorCode): Told | 'full' {
  switch (code) {
    case ErrorCode.STORAGE_LIMIT_EXCEEDED:
      return 'full';
    default:
      return code satisfies Told;
  }
}

export function incompleteCodes(code: typeof ErrorCode.CONFLICT | typeof ErrorCode.NOT_FOUND): string {
  switch (code) {
    case ErrorCode.CONFLICT:
      return 'taken';
    default:
      // @ts-expect-error 1300 is missing
      return code satisfies never;
  }
}
holds<Same<typeof ErrorCode.RATE_LIMIT_EXCEEDED, 1500>>();
// @ts-expect-error the table is constant
ErrorCode.CONFLICT = 1;
// @ts-expect-error no error has this number
export const strange: ErrorCode = 1234;

// The code tells what the details are.
export function available(error: RpcErrorData): number | string | undefined {
  if (error.rpcCode === ErrorCode.STORAGE_LIMIT_EXCEEDED) return error.details.available;
  if (error.rpcCode === ErrorCode.RATE_LIMIT_EXCEEDED) return error.details.retryAfter;
  if (error.rpcCode === ErrorCode.INVALID_INPUT && error.details && 'actual' in error.details) return error.details.actual;
  // @ts-expect-error other errors have no such detail
  return error.details.available;
}

// A refusal for a number has its own facts beside those of the quota.
export function tooMany({ details }: RpcErrorData<typeof ErrorCode.STORAGE_LIMIT_EXCEEDED>): number {
  if ('maxMedia' in details) return details.maxMedia - details.media;
  if ('maxPendingUploads' in details) return details.maxPendingUploads - details.pendingUploads;
  return details.quota - details.used - details.reserved;
}
holds<Same<RpcErrorDetails[1601], { declared: string; reason: string }>>();
holds<Same<RpcErrorDetails[1000], undefined>>();

// VRSS's envelope: its own contract tests, and narrowing by success.
export const request: RPCRequest = { procedure: 'test.ping', input: {} };
export const typed: RPCRequest<{ name: string; age: number }> = {
  procedure: 'test.greet',
  input: { name: 'John', age: 30 },
  context: { correlationId: 'test-123', clientVersion: '1.0.0' },
};
export const greeted: [string, number, string | undefined] = [
  typed.input.name,
  typed.input.age,
  typed.context?.correlationId,
];
// @ts-expect-error the procedure is required
export const nameless: RPCRequest = { input: {} };

const metadata = { timestamp: Date.now(), requestId: 'req-123' };
export const success: RPCResponse<{ message: string }> = { success: true, data: { message: 'Hello' }, metadata };
export const failure: RPCResponse = { success: false, error: { code: 1300, message: 'Not found' }, metadata };
export const read: [string | undefined, number | undefined] = [success.data?.message, failure.error?.code];
// @ts-expect-error a success has data
export const empty: RPCResponse<{ message: string }> = { success: true, metadata };

export function unwrapped(response: RPCResponse<MediaProcedures.GetMedia.Output>): Media {
  if (response.success) return response.data.media;
  const { code, details, message } = response.error;
  if (code === ErrorCode.VALIDATION_ERROR && details && 'field' in details) throw new Error(details.field);
  throw new Error(message);
}
