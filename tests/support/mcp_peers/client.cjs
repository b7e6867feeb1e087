// A real MCP client, by the official TypeScript SDK: connects to a server behind OAuth, calls a tool, closes.
//
//     node client.cjs SDK_FOLDER URL AGENT NAME CALLBACK
//
// Exit status 0: it did all that; otherwise what the SDK said stands on standard error. AGENT is what it calls itself. A browser's part is one request
// that follows no redirect.
const { createRequire } = require("node:module");
const path = require("node:path");

const [folder, url, agent, name, callback] = process.argv.slice(2);
const sdk = createRequire(path.resolve(folder, "package.json"));
const { Client } = sdk("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = sdk("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { UnauthorizedError } = sdk("@modelcontextprotocol/sdk/client/auth.js");

const BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

const kept = {};
let code;
const provider = {
  redirectUrl: callback,
  clientMetadata: { client_name: name, redirect_uris: [callback], token_endpoint_auth_method: "none" },
  state: () => crypto.randomUUID(),
  clientInformation: () => kept.client,
  saveClientInformation: (information) => void (kept.client = information),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: async (page) => {
    const answer = await fetch(page, { headers: { "user-agent": BROWSER }, redirect: "manual" });
    code = new URL(answer.headers.get("location")).searchParams.get("code");
  },
};

const calledSo = (to, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("user-agent", agent);
  return fetch(to, { ...init, headers });
};

async function connected() {
  const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch: calledSo });
  const client = () => new Client({ name, version: "1.0.0" });
  const first = transport();
  try {
    const one = client();
    await one.connect(first);
    return one;
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || code === undefined) throw error;
  }
  await first.finishAuth(code);
  const one = client();
  await one.connect(transport());
  return one;
}

async function main() {
  const client = await connected();
  await client.listTools();
  const answer = await client.callTool({ name: "add", arguments: { a: 20, b: 22 } });
  if (!JSON.stringify(answer.content).includes("42")) throw new Error(JSON.stringify(answer));
  await client.transport.terminateSession();
  await client.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
