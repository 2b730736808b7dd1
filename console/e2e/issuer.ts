// An OpenID Connect issuer for tests: discovery, keys, the authorization code flow with PKCE, renewal. It knows one user, who
// always agrees. What it signs is good for real.

import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface Issuer {
  url: string;
  /** What the last browser asked for. */
  asked: Record<string, string>;
  /** How often tokens were renewed. */
  renewed: number;
  /** Shall it refuse codes and renewals? */
  refuses: boolean;
  stop: () => Promise<void>;
}

async function body(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const part of request) text += String(part);
  return new URLSearchParams(text);
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const codes = new Map<string, Record<string, string>>();
  const renewals = new Set<string>();
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = (seconds: number) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer.url, aud: "console", sub: "ada", iat: now, exp: now + seconds, roles: ["millrace:admin"] };
    const message = `${part({ alg: "EdDSA", kid: "one", typ: "JWT" })}.${part(claims)}`;
    return `${message}.${sign(null, Buffer.from(message), privateKey).toString("base64url")}`;
  };
  /** What a form to the token endpoint is answered; null refuses. */
  const grant = (form: URLSearchParams): object | null => {
    if (issuer.refuses || form.get("client_id") !== "console") return null;
    if (form.get("grant_type") === "refresh_token") {
      if (!renewals.delete(form.get("refresh_token") ?? "")) return null;
      issuer.renewed += 1;
    } else {
      const code = form.get("code") ?? "";
      const asked = codes.get(code);
      codes.delete(code);
      const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      if (asked?.code_challenge !== challenge || asked.redirect_uri !== form.get("redirect_uri")) return null;
    }
    const refresh_token = randomUUID();
    renewals.add(refresh_token);
    return { access_token: token(30), token_type: "Bearer", expires_in: 30, refresh_token };
  };
  const server = createServer((request, response) => {
    const address = new URL(request.url ?? "/", issuer.url);
    const json = (status: number, value: object) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    switch (address.pathname) {
      case "/.well-known/openid-configuration":
        json(200, { issuer: issuer.url, authorization_endpoint: `${issuer.url}/authorize`, token_endpoint: `${issuer.url}/token`, jwks_uri: `${issuer.url}/jwks` });
        break;
      case "/jwks":
        json(200, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "EdDSA" }] });
        break;
      case "/authorize": {
        issuer.asked = Object.fromEntries(address.searchParams);
        const code = randomUUID();
        codes.set(code, issuer.asked);
        const back = new URL(issuer.asked.redirect_uri ?? "");
        for (const [name, value] of Object.entries({ code, state: issuer.asked.state ?? "", iss: issuer.url })) back.searchParams.set(name, value);
        response.writeHead(303, { location: back.href }).end();
        break;
      }
      case "/token":
        void body(request).then((form) => {
          const granted = grant(form);
          if (granted === null) json(400, { error: "invalid_grant" });
          else json(200, granted);
        });
        break;
      default:
        json(404, {});
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: {},
    renewed: 0,
    refuses: false,
    stop: () => new Promise((done) => { server.close(() => { done(); }); server.closeAllConnections(); }),
  };
  return issuer;
}
