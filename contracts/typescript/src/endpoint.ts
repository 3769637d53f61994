export interface Endpoint {
  /** Where the server answers JSON-RPC, such as `https://media.example.com/rpc`. */
  url: string | URL;
  /**
   * The caller's token, or what gets one, now or later; it goes into the Authorization header. A function is asked before
   * each request, with the token that the server has refused where there is one: `cachedToken` makes one that remembers.
   */
  token?: string | ((refused?: string) => string | Promise<string>);
  /** Further headers of the calls, not of the bytes that go to storage. */
  headers?: Record<string, string>;
  /** Whether the calls carry cookies; `include` to another origin. */
  credentials?: RequestCredentials;
  /** The fetch to use in place of the platform's. */
  fetch?: typeof fetch;
}

/** The last token of each endpoint, and whether the server has refused it. */
const tokens = new WeakMap<Endpoint, { token: string; isRefused: boolean }>();

/** The token to call with now. */
export async function tokenOf(endpoint: Endpoint): Promise<string | undefined> {
  if (typeof endpoint.token !== 'function') return endpoint.token;
  const last = tokens.get(endpoint);
  const token = await endpoint.token(last?.isRefused ? last.token : undefined);
  tokens.set(endpoint, { token, isRefused: false });
  return token;
}

/** Note that the server has refused the endpoint's last token: whether another one can be had. */
export function isRenewable(endpoint: Endpoint): boolean {
  const last = tokens.get(endpoint);
  if (last) last.isRefused = true;
  return typeof endpoint.token === 'function';
}

/** The headers of a call, the caller's token among them. */
export async function bearer(endpoint: Endpoint): Promise<Record<string, string>> {
  const token = await tokenOf(endpoint);
  return { ...endpoint.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
}
