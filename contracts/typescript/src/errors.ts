import { ErrorCode, type Media, type MediaError, type RpcErrorDetails } from 'mediarpc';

/** The server's refusal of a call. `error.is(ErrorCode.X)` narrows `code` and `details` to those of one error. */
export class MediaRpcError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'MediaRpcError';

  constructor(
    message: string,
    readonly code: Code,
    readonly details: RpcErrorDetails[Code],
    readonly requestId: string,
  ) {
    super(message);
  }

  is<Asked extends ErrorCode>(code: Asked): this is MediaRpcError<Asked> {
    return (this.code as ErrorCode) === code;
  }
}

/** No answer of the server, or none that it gives: the network, a proxy, a wrong address, storage refusing the bytes. */
export class MediaTransportError extends Error {
  override readonly name = 'MediaTransportError';

  constructor(
    message: string,
    /** The HTTP status; undefined when there was no reply at all. */
    readonly status?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same request may well succeed later. */
  get isPassing(): boolean {
    return this.status === undefined || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The media was uploaded, and could not be processed: `code` is stable, `reason` for people. */
export class MediaProcessingError extends Error {
  override readonly name = 'MediaProcessingError';
  readonly code: string;
  readonly reason: string;

  constructor(
    readonly media: Media,
    { code, reason }: MediaError,
  ) {
    super(reason);
    this.code = code;
    this.reason = reason;
  }
}

/** Storage says 403 to a URL that has ended, and 404 when it knows the upload no more that the URL was signed for. */
export function isEndedUrl(error: unknown): boolean {
  return error instanceof MediaTransportError && (error.status === 403 || error.status === 404);
}
