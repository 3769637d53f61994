// What OpenRPC's own tool says of a document and of calls to it: node openrpc_tool.mjs FILE, where FILE has both.
// The packages are those of the folder that it is started in.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { MethodCallValidator, parseOpenRPCDocument, validateOpenRPCDocument } = require("@open-rpc/schema-utils-js");

const { document, calls } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const verdict = validateOpenRPCDocument(document);
if (verdict !== true) {
  console.log(JSON.stringify({ valid: verdict.message }));
  process.exit();
}
const dereferenced = await parseOpenRPCDocument(structuredClone(document), { dereference: true });
const validator = new MethodCallValidator(dereferenced);

function issues([method, params]) {
  const found = validator.validate(method, params);
  return Array.isArray(found) ? found.map((issue) => issue.paramIndex) : found.name;
}

console.log(JSON.stringify({ valid: true, methods: dereferenced.methods, issues: calls.map(issues) }));
