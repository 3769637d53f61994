import type { MediaProcedures } from 'mediarpc';
import { contentTypeOf } from './types.js';
import type { UploadOptions } from './upload.js';

/** What a new upload of a file is begun with. */
export function inputOf(
  file: Blob,
  options: UploadOptions,
  sha256: string | undefined,
): MediaProcedures.InitiateUpload.Input {
  const { filename, contentType } = described(file, options);
  const { purpose, owner } = options;
  const input: MediaProcedures.InitiateUpload.Input = { filename, contentType, size: file.size, idempotencyKey: newKey() };
  if (purpose) input.purpose = purpose;
  if (owner) input.owner = owner;
  if (sha256) input.sha256 = sha256;
  return input;
}

/** The SHA-256 that the bytes must have, when that is asked for. */
export async function declaredDigest(file: Blob, { sha256 }: UploadOptions): Promise<string | undefined> {
  return sha256 === true ? digestOf(file) : sha256 || undefined;
}

/** The name and the type of a file. */
export function described(file: Blob, options: UploadOptions): { filename: string; contentType: string } {
  const { filename = nameOf(file) } = options;
  if (!filename) throw new TypeError('filename is needed: the file has no name of its own');
  const contentType = contentTypeOf(filename, options.contentType ?? file.type);
  if (!contentType) throw new TypeError('contentType is needed: the file has no type of its own, nor a known extension');
  return { filename, contentType };
}

export async function digestOf(bytes: Blob): Promise<string> {
  return hexadecimal(new Uint8Array(await crypto.subtle.digest('SHA-256', await bytes.arrayBuffer())));
}

function nameOf(file: Blob): string | undefined {
  return 'name' in file && typeof file.name === 'string' ? file.name : undefined;
}

/** A name for this upload, by which a repeated call finds the same one. */
function newKey(): string {
  return hexadecimal(crypto.getRandomValues(new Uint8Array(16)));
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
