// The peer: the same two procedures on tRPC and Fastify, one process, over the same PostgreSQL.
import { fastifyTRPCPlugin } from "@trpc/server/adapters/fastify";
import { initTRPC, TRPCError } from "@trpc/server";
import { createVerifier } from "fast-jwt";
import Fastify from "fastify";
import postgres from "postgres";
import { initiateUpload, initiateUploadInput, QUOTA_BYTES, storageUsage } from "./media.mjs";

const sql = postgres({ host: process.env.PGHOST, database: process.env.PGDATABASE, user: "postgres", max: 10 });
// A token's check is kept, as ours is.
const verify = createVerifier({ key: process.env.AUTH_JWT_SECRET, algorithms: ["HS256"], cache: 10_000 });

function createContext({ req }) {
  const [scheme, token] = (req.headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || !token) return { caller: null };
  try {
    const { sub, plan } = verify(token);
    return { caller: { id: sub, quotaBytes: QUOTA_BYTES[plan ?? "free"] }, requestId: req.id };
  } catch {
    return { caller: null };
  }
}

const t = initTRPC.context().create();
const signedIn = t.procedure.use(({ ctx, next }) => {
  if (!ctx.caller?.id || !ctx.caller.quotaBytes) throw new TRPCError({ code: "UNAUTHORIZED" });
  return next({ ctx });
});

const router = t.router({
  media: t.router({
    getStorageUsage: signedIn.query(({ ctx }) => storageUsage(sql, ctx.caller)),
    initiateUpload: signedIn
      .input(initiateUploadInput)
      .mutation(({ ctx, input }) => initiateUpload(sql, ctx.caller, ctx.requestId, input)),
  }),
});

const server = Fastify({ logger: false, bodyLimit: 1024 * 1024, maxParamLength: 5000 });
server.get("/healthz", () => ({ status: "ok" }));
server.register(fastifyTRPCPlugin, { prefix: "/trpc", trpcOptions: { router, createContext } });

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await server.close();
    await sql.end({ timeout: 2 });
    process.exit(0);
  });
}
await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
