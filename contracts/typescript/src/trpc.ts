import { httpBatchLink, httpLink, httpSubscriptionLink, isNonJsonSerializable, retryLink, splitLink } from '@trpc/client';
import type { TRPCLink } from '@trpc/client';
import type { AppRouter } from 'mediarpc';
import { bearer, isRenewable, type Endpoint } from './endpoint.js';
import { hasEnded, Persistence } from './persistence.js';

export { cachedToken } from './token.js';

export interface MediaLinksOptions extends Endpoint {
  /** The EventSource to use in place of the platform's; Node.js has none. */
  EventSource?: NonNullable<Parameters<typeof httpSubscriptionLink>[0]['EventSource']>;
}

const MOST_CALLS = 100; // of one batch, unless the server's MAX_BATCH_CALLS says otherwise
const LONGEST_URL = 4000; // characters

/**
 * The links of a tRPC client: calls in batches, files in requests of their own, and subscriptions that go on after their
 * last event, whatever breaks them off. A `token` that is a function is asked again when one has ended.
 */
export function mediaLinks(options: MediaLinksOptions): TRPCLink<AppRouter>[] {
  return [
    splitLink({
      condition: ({ type }) => type === 'subscription',
      true: subscribing(options),
      false: [askingAgain(options), calling(options)],
    }),
  ];
}

/** Makes a call once more whose token had ended. */
function askingAgain(options: MediaLinksOptions): TRPCLink<AppRouter> {
  return retryLink({ retry: ({ attempts, error }) => hasEnded(error) && isRenewable(options) && attempts === 1 });
}

function calling(options: MediaLinksOptions): TRPCLink<AppRouter> {
  const { url, credentials, fetch: fetched = fetch } = options;
  const send: typeof fetch = (asked, init) => fetched(asked, credentials ? { ...init, credentials } : init);
  const told = { url, headers: () => bearer(options), fetch: send as never };
  return splitLink({
    condition: ({ input }) => isNonJsonSerializable(input),
    true: httpLink(told),
    false: httpBatchLink({ ...told, maxItems: MOST_CALLS, maxURLLength: LONGEST_URL }),
  });
}

/** Each subscription is begun again by itself, with a fresh token and after the last event that it was told. */
function subscribing(options: MediaLinksOptions): TRPCLink<AppRouter> {
  return (runtime) =>
    ({ op, next }) => {
      const persistence = new Persistence(options);
      const connecting = connection(options, () => persistence.begin());
      const retrying = retryLink<AppRouter>({
        retry: ({ error }) => persistence.outlasts(error),
        retryDelayMs: () => persistence.pause,
      });
      return retrying(runtime)({ op, next: (again) => connecting(runtime)({ op: again, next }) });
    };
}

function connection(
  { url, credentials, EventSource }: MediaLinksOptions,
  askToken: () => Promise<string | undefined>,
): TRPCLink<AppRouter> {
  return httpSubscriptionLink({
    url: String(url),
    connectionParams: async () => {
      const token = await askToken();
      return token === undefined ? {} : { token };
    },
    eventSourceOptions: { withCredentials: credentials === 'include' },
    ...(EventSource && { EventSource }),
  });
}
