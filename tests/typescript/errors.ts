// What an error tells its caller, with the details that its number promises.
import { TRPCClientError } from '@trpc/client';
import { ErrorCode } from 'mediarpc';
import type { AppRouter, RpcErrorData } from 'mediarpc';

export interface Told {
  rpcCode: ErrorCode;
  fact: string | number | null;
  message: string;
  key: string;
  httpStatus: number;
  requestId: string;
}

export function told(error: unknown): Told {
  const { data, message } = narrowed(error);
  if (!data) throw error;
  const { rpcCode, requestId, httpStatus, code: key } = data;
  return { rpcCode, fact: fact(data) ?? null, message, key, httpStatus, requestId };
}

function narrowed(error: unknown): TRPCClientError<AppRouter> {
  if (error instanceof TRPCClientError) return error;
  throw error;
}

function fact(data: RpcErrorData): string | number | undefined {
  switch (data.rpcCode) {
    case ErrorCode.VALIDATION_ERROR:
      return data.details && 'field' in data.details ? data.details.field : data.details?.partNumber;
    case ErrorCode.INVALID_INPUT:
      return data.details && 'actual' in data.details ? data.details.actual : undefined;
    case ErrorCode.NOT_FOUND:
      return data.details?.rendition;
    case ErrorCode.CONFLICT:
      return data.details?.mediaId;
    case ErrorCode.RATE_LIMIT_EXCEEDED:
      return data.details.retryAfter;
    case ErrorCode.STORAGE_LIMIT_EXCEEDED:
      return data.details.available;
    case ErrorCode.INVALID_FILE_TYPE:
      return data.details.declared;
    case ErrorCode.FILE_TOO_LARGE:
      return data.details.maxSize;
    default:
      return undefined;
  }
}
