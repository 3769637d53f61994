// Calls through jayson, a JSON-RPC client that knows nothing of this server: node jayson_calls.mjs ORIGIN TOKEN.
// The package is that of the folder that it is started in. It prints what came of each call.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const jayson = require("jayson/promise");

const [origin, token] = process.argv.slice(2);
const { hostname, port } = new URL(origin);
const client = jayson.Client.http({ hostname, port, path: "/rpc", headers: { authorization: `Bearer ${token}` } });

const photo = { filename: "a.jpg", contentType: "image/jpeg", size: 1000 };
const single = await client.request("media.initiateUpload", photo);
const { mediaId } = single.result;
const batch = await client.request([
  client.request("media.getStorageUsage", {}, "usage", false),
  client.request("media.cancelUpload", { mediaId }, null, false),
  client.request("media.getMedia", { mediaId: "nonsense" }, 7, false),
  client.request("media.nothing", [], "unknown", false),
]);
const notification = await client.request("media.deleteMedia", { mediaId }, null);
const positional = await client.request("media.getMedia", [mediaId], "positional");
const discovered = await client.request("rpc.discover", [], "discovered");

console.log(JSON.stringify({ single, batch, notification, positional, discovered }));
