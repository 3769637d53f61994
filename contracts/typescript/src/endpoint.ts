export interface Endpoint {
  /** Where the server answers JSON-RPC, such as `https://media.example.com/rpc`. */
  url: string | URL;
  /** The caller's token, or what gets one; it goes into the Authorization header. */
  token?: string | (() => string | Promise<string>);
  /** Further headers of the calls, not of the bytes that go to storage. */
  headers?: Record<string, string>;
  /** Whether the calls carry cookies; `include` to another origin. */
  credentials?: RequestCredentials;
  /** The fetch to use in place of the platform's. */
  fetch?: typeof fetch;
}

/** The token to call with now. */
export async function tokenOf({ token }: Endpoint): Promise<string | undefined> {
  return typeof token === 'function' ? token() : token;
}

/** The headers of a call, the caller's token among them. */
export async function bearer(endpoint: Endpoint): Promise<Record<string, string>> {
  const token = await tokenOf(endpoint);
  return { ...endpoint.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
}
