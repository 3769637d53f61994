// Input checks and statements of the two procedures.
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { TRPCError } from "@trpc/server";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";

const MIB = 1024 * 1024;
const CEILINGS = { image: 10 * MIB, video: 100 * MIB, audio: 20 * MIB };
const CONTENT_TYPES = [
  "image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif", "image/avif",
  "video/mp4", "video/webm", "video/quicktime", "audio/mpeg", "audio/wav", "audio/ogg",
];
export const QUOTA_BYTES = { free: 50 * MIB, basic: 1024 * MIB, pro: 5 * 1024 * MIB, premium: 10 * 1024 * MIB };
const URL_TTL_SECONDS = 900;
const GRACE_SECONDS = 60;
const RATE_CALLS = 1_000_000_000;
const RATE_SECONDS = 60;

// Control characters, and those that show a name in another order than it has.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069/\\]/;

export const initiateUploadInput = z.object({
  filename: z.string().min(1).max(255)
    .refine((name) => name !== "." && name !== ".." && !FORBIDDEN.test(name), "Filename must be a name, not a path"),
  contentType: z.enum(CONTENT_TYPES),
  size: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  purpose: z.enum(["post", "profile"]).default("post"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional(),
});

const store = new S3Client({
  endpoint: process.env.S3_ENDPOINT,
  region: "us-east-1",
  forcePathStyle: true,
  requestChecksumCalculation: "WHEN_REQUIRED",
  credentials: { accessKeyId: process.env.S3_ACCESS_KEY_ID, secretAccessKey: process.env.S3_SECRET_ACCESS_KEY },
});

export async function storageUsage(sql, caller) {
  const [usage] = await sql`
    select image_bytes, video_bytes, audio_bytes, reserved_bytes from storage_usage where owner_id = ${caller.id}`;
  const breakdown = {
    image: Number(usage?.image_bytes ?? 0),
    video: Number(usage?.video_bytes ?? 0),
    audio: Number(usage?.audio_bytes ?? 0),
  };
  const used = breakdown.image + breakdown.video + breakdown.audio;
  const percentage = Math.round((used / caller.quotaBytes) * 10_000) / 100;
  return { used, limit: caller.quotaBytes, percentage, reserved: Number(usage?.reserved_bytes ?? 0), breakdown };
}

export async function initiateUpload(sql, caller, requestId, input) {
  const type = input.contentType.split("/")[0];
  if (input.size > CEILINGS[type]) {
    throw new TRPCError({ code: "PAYLOAD_TOO_LARGE", message: `File size exceeds maximum for ${input.contentType}` });
  }
  const id = uuidv7();
  const key = stagingKey(caller.id, id, input.filename);
  const expiresAt = new Date(Date.now() + URL_TTL_SECONDS * 1000);
  await reserve(sql, caller, requestId, { ...input, id, key, type, expiresAt });
  const url = await signPut(key, input);
  const headers = { "content-type": input.contentType };
  return { uploadId: id, mediaId: id, uploadUrl: url, method: "PUT", headers, expiresAt: expiresAt.toISOString() };
}

// Count the call, take room under the quota, write the upload, its event and who did it: together or not at all.
async function reserve(sql, caller, requestId, upload) {
  await sql.begin(async (tx) => {
    const [window] = await tx`
      insert into rate_windows as held (caller_id, procedure, began_at, calls)
      values (${caller.id}, 'media.initiateUpload', now(), 1)
      on conflict (caller_id, procedure) do update set
        began_at = case when held.began_at < now() - ${RATE_SECONDS} * interval '1 second'
          then now() else held.began_at end,
        calls = case when held.began_at < now() - ${RATE_SECONDS} * interval '1 second' then 1 else held.calls + 1 end
      returning calls`;
    if (window.calls > RATE_CALLS) {
      throw new TRPCError({ code: "TOO_MANY_REQUESTS", message: "Rate limit exceeded" });
    }
    const [room] = await tx`
      insert into storage_usage as held (owner_id, quota_bytes, reserved_bytes)
      select ${caller.id}, ${caller.quotaBytes}::bigint, ${upload.size}::bigint
      where ${upload.size}::bigint <= ${caller.quotaBytes}::bigint
      on conflict (owner_id) do update set
        quota_bytes = excluded.quota_bytes, reserved_bytes = held.reserved_bytes + excluded.reserved_bytes
      where held.image_bytes + held.video_bytes + held.audio_bytes + held.reserved_bytes + excluded.reserved_bytes
        <= excluded.quota_bytes
      returning reserved_bytes`;
    if (!room) {
      throw new TRPCError({ code: "FORBIDDEN", message: "Storage quota exceeded" });
    }
    await tx`
      with upload as (
        insert into media (id, owner_id, state, type, purpose, filename, mime_type, size_bytes, sha256, staging_key,
          url_expires_at, sweep_at)
        values (${upload.id}, ${caller.id}, 'pending', ${upload.type}, ${upload.purpose}, ${upload.filename},
          ${upload.contentType}, ${upload.size}, ${upload.sha256 ?? null}, ${upload.key}, ${upload.expiresAt},
          ${new Date(upload.expiresAt.getTime() + GRACE_SECONDS * 1000)})
        returning *
      ), record as (
        insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input)
        select now(), ${caller.id}, 'media.initiateUpload', ${requestId}, owner_id, id,
          jsonb_build_object('filename', filename, 'contentType', mime_type, 'size', size_bytes)
        from upload
      )
      insert into events (type, media_id, owner_id, data)
      select 'upload.started', id, owner_id, jsonb_build_object('status', state, 'type', type, 'size', size_bytes)
      from upload`;
  });
}

function signPut(key, { contentType, size, sha256 }) {
  const checksum = sha256 && { ChecksumSHA256: Buffer.from(sha256, "hex").toString("base64") };
  const put = { Bucket: "media", Key: key, ContentType: contentType, ContentLength: size, ...checksum };
  const command = new PutObjectCommand(put);
  const signableHeaders = new Set(["content-type", "content-length"]);
  return getSignedUrl(store, command, { expiresIn: URL_TTL_SECONDS, signableHeaders });
}

function stagingKey(owner, id, filename) {
  const slug = filename.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.\-_]+/, "") || "file";
  return `staging/users/${encodeURIComponent(owner)}/posts/${id}_${slug.slice(-80)}`;
}
