// The code flow of openid-client: discovery, PKCE, refresh and revocation.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { failure, open, receive, send, status } from "./dialog.mjs";

const { origin, resource, client_id, client_secret, method, pkce, redirect_uri, register } = await receive();
const options = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
const authentication = {
  client_secret_basic: () => client.ClientSecretBasic(client_secret),
  client_secret_post: () => client.ClientSecretPost(client_secret),
  none: () => client.None(),
}[method];
const config = register
  ? await client.dynamicClientRegistration(
      new URL(origin),
      { redirect_uris: [redirect_uri], token_endpoint_auth_method: method },
      method === "none" ? client.None() : undefined,
      options,
    )
  : await client.discovery(new URL(origin), client_id, undefined, authentication(), options);
assert.equal(config.serverMetadata().supportsPKCE(), true);

const state = client.randomState();
const parameters = { redirect_uri, state, scope: "data" };
const checks = { expectedState: state };
if (pkce) {
  checks.pkceCodeVerifier = client.randomPKCECodeVerifier();
  parameters.code_challenge = await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier);
  parameters.code_challenge_method = "S256";
}
const url = client.buildAuthorizationUrl(config, parameters);

const denied = await open(url, "deny");
const denial = await failure(() => client.authorizationCodeGrant(config, denied, checks));
assert.equal(denial.error, "access_denied");

const granted = await open(url);
const tokens = await client.authorizationCodeGrant(config, granted, checks);
assert.equal(tokens.expires_in, 3600);
assert.equal((await client.fetchProtectedResource(config, tokens.access_token, new URL(resource), "GET")).status, 200);
const again = await failure(() => client.authorizationCodeGrant(config, granted, checks));
assert.equal(again.error, "invalid_grant");

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
assert.equal(await status(resource, tokens.access_token), 401);
assert.equal(await status(resource, renewed.access_token), 200);
const used = await failure(() => client.refreshTokenGrant(config, tokens.refresh_token));
assert.equal(used.error, "invalid_grant");

await client.tokenRevocation(config, renewed.refresh_token);
await client.tokenRevocation(config, "unknown");
assert.equal(await status(resource, renewed.access_token), 401);
send({ done: true });
process.exit(0);
