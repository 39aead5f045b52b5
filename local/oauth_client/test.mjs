// Drives the standard endpoints of a running platform with libraries that are not ours: openid-client
// (certified by the OpenID Foundation) and jose. `make oauth-client-test` installs them and runs this.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'openid-client'

const plinth = spawn(process.argv[2], ['run', '--memory', '--port', '0', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const [line] = await once(createInterface(plinth.stdout), 'line')
  await drive(JSON.parse(line))
} finally {
  plinth.kill('SIGTERM')
}

async function drive({ url, demo }) {
  const { access_token: admin, refresh_token: refresh } = await call(url, null, '/api/v1/auth/login', {
    email: demo.email,
    password: demo.password,
  })
  const made = await call(url, admin, '/api/v1/auth/clients', {
    name: 'A standard client',
    scopes: ['role.read', 'user.list'],
  })
  const { key } = await call(url, admin, '/api/v1/auth/api-keys', { name: 'To be found' })
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', url))

  const discoveries = [
    ['oauth2', oauth.ClientSecretBasic(made.client_secret)],
    ['oidc', oauth.ClientSecretPost(made.client_secret)],
  ]
  for (const [algorithm, authentication] of discoveries) {
    const config = await oauth.discovery(new URL(url), made.id, undefined, authentication, {
      algorithm,
      execute: [oauth.allowInsecureRequests],
    })
    assert.equal(config.serverMetadata().issuer, url)

    const granted = await oauth.clientCredentialsGrant(config, { scope: 'user.list' })
    assert.equal(granted.token_type, 'bearer')
    assert.equal(granted.scope, 'user.list')
    const { payload } = await jwtVerify(granted.access_token, keys, {
      issuer: url,
      audience: 'plinth',
      typ: 'at+jwt',
      algorithms: ['ES256'],
    })
    assert.equal(payload.client_id, made.id)
    assert.equal(await status(url, granted.access_token, '/api/v1/users'), 200)
    assert.equal(await status(url, granted.access_token, '/api/v1/roles'), 403)
    assert.equal(await status(url, granted.access_token, '/api/v1/auth/sessions'), 403)

    const info = await oauth.tokenIntrospection(config, granted.access_token)
    assert.equal(info.active, true)
    assert.equal(info.client_id, made.id)
    await oauth.tokenRevocation(config, granted.access_token)
    const after = await oauth.tokenIntrospection(config, granted.access_token)
    assert.deepEqual({ ...after }, { active: false })

    await assert.rejects(
      oauth.clientCredentialsGrant(config, { scope: 'user.delete' }),
      (error) => error.error === 'invalid_scope' && error.status === 400,
    )
    const wrong = await oauth.discovery(new URL(url), made.id, undefined, oauth.ClientSecretBasic('wrong'), {
      algorithm,
      execute: [oauth.allowInsecureRequests],
    })
    await assert.rejects(oauth.clientCredentialsGrant(wrong), (error) => error.status === 401)
    console.log(`discovery (${algorithm}), client_credentials, introspection, revocation: ok`)
  }

  const config = await oauth.discovery(new URL(url), made.id, made.client_secret, undefined, {
    execute: [oauth.allowInsecureRequests],
  })
  assert.equal(await status(url, key, '/api/v1/users'), 200)
  assert.equal((await oauth.tokenIntrospection(config, key)).active, true)
  await oauth.tokenRevocation(config, key)
  assert.equal((await oauth.tokenIntrospection(config, key)).active, false)
  assert.equal((await oauth.tokenIntrospection(config, refresh)).active, true)
  await oauth.tokenRevocation(config, refresh)
  assert.equal((await oauth.tokenIntrospection(config, refresh)).active, false)
  assert.equal((await oauth.tokenIntrospection(config, admin)).active, false)
  console.log('API key and session introspected and revoked: ok')
}

async function call(url, token, path, body) {
  const headers = { 'content-type': 'application/json' }
  if (token) headers.authorization = `Bearer ${token}`
  const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await answer.text()
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`)
  return JSON.parse(text)
}

async function status(url, token, path) {
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })
  await answer.arrayBuffer()
  return answer.status
}
