// The code flow of simple-oauth2: refresh and revocation, credentials in the header or the body, forms or JSON.
import assert from "node:assert/strict";
import { AuthorizationCode } from "simple-oauth2";
import { failure, open, receive, send, status } from "./dialog.mjs";

const { origin, resource, client_id, client_secret, method, body_format, redirect_uri } = await receive();

function makeClient(secret) {
  return new AuthorizationCode({
    client: { id: client_id, secret },
    auth: {
      tokenHost: origin,
      tokenPath: "/oauth/v1/token",
      revokePath: "/oauth/v1/revoke",
      authorizePath: "/oauth/v1/auth",
    },
    options: { authorizationMethod: method === "client_secret_basic" ? "header" : "body", bodyFormat: body_format },
  });
}

const client = makeClient(client_secret);
const url = client.authorizeURL({ redirect_uri, state: "s & t" });
const denied = await open(url, "deny");
assert.equal(denied.searchParams.get("error"), "access_denied");
const granted = await open(url);
assert.equal(granted.searchParams.get("state"), "s & t");
const code = granted.searchParams.get("code");

const wrong = await failure(() => makeClient("wrong").getToken({ code, redirect_uri }));
assert.equal(wrong.data.payload.error, "invalid_client");
const tokens = await client.getToken({ code, redirect_uri });
assert.equal(tokens.expired(), false);
assert.equal(await status(resource, tokens.token.access_token), 200);
const again = await failure(() => client.getToken({ code, redirect_uri }));
assert.equal(again.data.payload.error, "invalid_grant");

const renewed = await tokens.refresh();
assert.equal(await status(resource, tokens.token.access_token), 401);
assert.equal(await status(resource, renewed.token.access_token), 200);
await renewed.revokeAll();
assert.equal(await status(resource, renewed.token.access_token), 401);
const revoked = await failure(() => renewed.refresh());
assert.equal(revoked.data.payload.error, "invalid_grant");
send({ done: true });
process.exit(0);
