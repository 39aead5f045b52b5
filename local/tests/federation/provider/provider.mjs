// A certified OpenID provider on loopback, for the federation test: `oidc-provider` with its own pages
// for signing in and consenting, in which any login and password are good.
//
// usage: node provider.mjs <client id> <client secret> <redirect uri>
// It prints its issuer, then answers each line of its input with `ok`:
//   rotate           signs with another key from now on
//   skew <seconds>   its clock is ahead by so much from now on

import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

// Its notices do not belong into our answers.
console.info = console.error;

const [clientId, clientSecret, redirectUri] = process.argv.slice(2);

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
}

function provider(issuer) {
  return new Provider(issuer, {
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, email: `${id}@example.org`, email_verified: id !== 'unverified', name: 'Grace Hopper',
      }),
    }),
  });
}

let handle;
const server = createServer((request, response) => handle(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const now = Date.now;
  handle = provider(issuer).callback();
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const [command, argument] = line.split(' ');
      if (command === 'rotate') handle = provider(issuer).callback();
      if (command === 'skew') Date.now = () => now() + Number(argument) * 1000;
      console.log('ok');
    })
    .on('close', () => process.exit());
  console.log(issuer);
});
