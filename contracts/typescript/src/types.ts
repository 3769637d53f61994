import { formats } from 'mediarpc';

const UNTOLD = new Set(['', 'application/octet-stream']);

/** The accepted type that a file is said to have, by whatever name, else that of its extension; nothing without either. */
export function contentTypeOf(filename: string, said: string): string | undefined {
  const name = said.split(';')[0]!.trim().toLowerCase();
  if (UNTOLD.has(name)) return typeOfExtension(filename);
  return formats.find(({ contentType, aliases }) => contentType === name || aliases.includes(name))?.contentType ?? said;
}

function typeOfExtension(filename: string): string | undefined {
  const extension = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
  return formats.find(({ extensions }) => extensions.includes(extension))?.contentType;
}
