const EARLY = 10_000; // milliseconds: how long before its end a token is good no more, for clocks differ

/**
 * A `token` that asks for one and keeps it until shortly before its end (the `exp` of a JWT), or until the server refuses
 * it. Make another for another user.
 */
export function cachedToken(ask: () => string | Promise<string>): (refused?: string) => Promise<string> {
  let kept: Promise<string> | undefined;
  return async (refused) => {
    const before = kept;
    const token = await before?.catch(() => undefined);
    const isGood = token !== undefined && token !== refused && Date.now() < endOf(token) - EARLY;
    if (!isGood && kept === before) kept = Promise.resolve(ask());
    return kept!;
  };
}

/** When a token ends, in milliseconds since 1970; never when it does not say so. */
function endOf(token: string): number {
  try {
    const [, payload = ''] = token.split('.');
    const { exp } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}
