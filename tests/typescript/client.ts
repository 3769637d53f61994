// A stock client of tRPC: which link it uses, and what it sends, stands in an order on the command line.
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  httpSubscriptionLink,
  isNonJsonSerializable,
  splitLink,
  type HTTPLinkOptions,
  type TRPCClient,
  type TRPCLink,
} from '@trpc/client';
import { EventSource } from 'eventsource';
import type { AppRouter } from 'mediarpc';

export interface Order {
  url: string;
  link?: 'httpLink' | 'httpBatchLink' | 'httpBatchStreamLink';
  methodOverride?: 'POST';
  token?: string;
  /** Headers that fetch adds, as a browser adds a cookie and the page's origin. */
  added?: Record<string, string>;
}

export function order<Asked extends Order>(): Asked {
  return JSON.parse(process.argv[2]!) as Asked;
}

/** What has been sent, each with the status of its answer. */
export const requests: string[] = [];

export function clientOf({ url, link, methodOverride, token, added }: Order): TRPCClient<AppRouter> {
  const counted: NonNullable<HTTPLinkOptions<AppRouter['_def']['_config']['$types']>['fetch']> = async (asked, init) => {
    const { headers, ...rest } = init as RequestInit;
    const reply = await fetch(asked, { ...rest, headers: { ...(headers as Record<string, string>), ...added } });
    requests.push(`${rest.method} ${new URL(String(asked)).pathname} ${reply.status}`);
    return reply;
  };
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const options = { url, headers, fetch: counted, ...(methodOverride && { methodOverride }) };
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === 'subscription',
        true: httpSubscriptionLink({ url, EventSource, connectionParams: token ? { token } : {} }),
        false: splitLink({
          condition: ({ input }) => isNonJsonSerializable(input),
          true: httpLink(options),
          false: calling(),
        }),
      }),
    ],
  });

  function calling(): TRPCLink<AppRouter> {
    if (link === 'httpBatchLink') return httpBatchLink(options);
    return link === 'httpBatchStreamLink' ? httpBatchStreamLink(options) : httpLink(options);
  }
}

export function say(told: object): void {
  console.log(JSON.stringify(told));
}
