// The router's type, in the hands of a stock @trpc/client.
import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import { ErrorCode } from 'mediarpc';
import type { AppRouter, ISODateTime, Media, MediaId, MediaProcedures, MediaType } from 'mediarpc';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_Truth extends true>(): void {}

const api = createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: 'https://media.test/rpc' })] });

export async function calls(id: MediaId): Promise<void> {
  const { media } = await api.media.getMedia.query({ mediaId: id });
  const at: ISODateTime = media.createdAt;
  const kind: MediaType = media.type;
  const placeholder: string | undefined = media.metadata.placeholder;
  void [at, kind, placeholder];

  await api.media.getStorageUsage.query();
  await api.media.getSupportedFormats.query();
  await api.media.listMedia.query();
  const { items, nextCursor } = await api.media.listMedia.query({ limit: 5, status: 'ready' });
  if (nextCursor) await api.media.listMedia.query({ cursor: nextCursor });
  const first: Media | undefined = items[0];
  void first;

  const ticket = await api.media.initiateUpload.mutate({ filename: 'a.png', contentType: 'image/png', size: 1 });
  const method: 'PUT' = ticket.method;
  void method;
  await api.media.completeUpload.mutate({ mediaId: ticket.mediaId });

  // @ts-expect-error a plain string is no MediaId
  await api.media.deleteMedia.mutate({ mediaId: 'x' });
  // @ts-expect-error what changes is no query
  await api.media.deleteMedia.query({ mediaId: id });
  // @ts-expect-error the input is missing
  await api.media.getMedia.query();
  // @ts-expect-error there is no such procedure
  await api.media.getEverything.query();
  // @ts-expect-error a cursor comes from an earlier page
  await api.media.listMedia.query({ cursor: id });
}

export async function refused(id: MediaId): Promise<number> {
  try {
    await api.media.deleteMedia.mutate({ mediaId: id });
  } catch (error) {
    if (error instanceof TRPCClientError) {
      const { data } = error as TRPCClientError<AppRouter>;
      if (data?.rpcCode === ErrorCode.STORAGE_LIMIT_EXCEEDED) return data.details.available;
      if (data?.rpcCode === ErrorCode.RATE_LIMIT_EXCEEDED) return data.details.retryAfter;
      // @ts-expect-error the details of other errors have no such member
      if (data?.rpcCode === ErrorCode.CONFLICT) return data.details.available;
      const [status, request]: [number | undefined, string | undefined] = [data?.httpStatus, data?.requestId];
      void [status, request];
    }
  }
  return 0;
}

holds<Same<inferRouterInputs<AppRouter>['media']['completeUpload'], MediaProcedures.CompleteUpload.Input>>();
holds<Same<inferRouterOutputs<AppRouter>['media']['getMedia'], MediaProcedures.GetMedia.Output>>();
