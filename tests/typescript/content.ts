// A stock client of tRPC that brings bytes, in each form in which it can.
import { createTRPCClient, httpBatchLink, httpLink, isNonJsonSerializable, splitLink, TRPCClientError } from '@trpc/client';
import { openAsBlob } from 'node:fs';
import type { AppRouter, ContentProcedures } from './content-api.js';

const { url, path, token } = JSON.parse(process.argv[2]!) as { url: string; path: string; token: string };
const headers = { authorization: `Bearer ${token}` };
const api = createTRPCClient<AppRouter>({
  links: [
    splitLink({
      condition: ({ input }) => isNonJsonSerializable(input),
      true: httpLink({ url, headers }),
      false: httpBatchLink({ url, headers }),
    }),
  ],
});

const text = new Uint8Array([104, 101, 108, 108, 111]);
const form = formOf({ pageTitle: 'Ä', pages: 3, tags: ['a'], coverSize: { width: 1, height: 2 } });
form.append('file', new File([text], 'grüße.txt', { type: 'text/plain' }));
const late = formOf({});
late.append('file', new Blob([text]));
late.append('pages', '3');
const large = await openAsBlob(path, { type: 'video/mp4' });
const largeForm = formOf({});
largeForm.append('file', large, 'large.mp4');

const told = {
  form: await api.content.mine.mutate(form),
  blob: await api.content.mine.mutate(new Blob([text], { type: 'text/plain' })),
  file: await api.content.mine.mutate(new File([text], 'hello.txt')),
  array: await api.content.mine.mutate(text),
  large: (await api.content.keep.mutate(large)).sha256,
  largeForm: (await api.content.keep.mutate(largeForm)).sha256,
  late: await refused(api.content.keep.mutate(late)),
  early: await refused(api.content.refuse.mutate(large)),
  earlyForm: await refused(api.content.refuse.mutate(largeForm)),
  // @ts-expect-error what is no bytes is no input
  json: await refused(api.content.keep.mutate({ pages: 3 })),
};
console.log(JSON.stringify(told));

// @ts-expect-error a stream would be sent as JSON
export const streamed = () => api.content.keep.mutate(new ReadableStream());

/** The fields as a form has them: text as it is, everything else in JSON. */
function formOf(fields: ContentProcedures.Keep.Fields): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    made.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return made;
}

async function refused(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const { data, message } = error as TRPCClientError<AppRouter>;
    return [data?.httpStatus, data?.rpcCode, message];
  }
}
