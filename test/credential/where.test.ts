import { expect, test } from 'vitest'
import { fetchFor, mayLeadTo } from '../../src/credential/where.ts'

const FAR = 'https://far.example/mcp'
const NEAR = 'http://127.0.0.1:3000/mcp'
const PLAIN = 'http://10.0.0.9/mcp'

test.each([
  [FAR, 'https://auth.example/x'],
  [FAR, 'https://far.example/'],
  [NEAR, 'https://auth.example/'],
  [NEAR, 'http://localhost:8080/'],
  [NEAR, 'http://[::1]:8080/'],
  [PLAIN, 'http://auth.internal/'],
])('a login at %s may lead to %s', (upstream, target) => {
  expect(mayLeadTo(target, new URL(upstream)).href).toBe(target)
})

test.each([
  [FAR, 'http://auth.example/', 'is not reached over https'],
  [FAR, 'https://127.0.0.1:8443/', 'is this machine'],
  [FAR, 'http://localhost/', 'is this machine'],
  [FAR, 'https://admin.localhost/', 'is this machine'],
  [FAR, 'https://0.0.0.0/', 'is this machine'],
  [FAR, 'https://0/', 'is this machine'],
  [FAR, 'https://[::]/', 'is this machine'],
  [FAR, 'https://[::ffff:127.0.0.1]/', 'is this machine'],
  [FAR, 'https://169.254.169.254/', 'is this machine'],
  [FAR, 'https://[::ffff:169.254.169.254]/', 'is this machine'],
  [FAR, 'https://[fe80::1]/', 'is this machine'],
  [PLAIN, 'http://0.0.0.0/', 'is this machine'],
  [FAR, 'file:///etc/passwd', 'is no address of the web'],
  [FAR, 'javascript:alert(1)', 'is no address of the web'],
  [FAR, 'https://me:secret@auth.example/', 'is an address with a password in it'],
  [NEAR, 'http://auth.example/', 'is not reached over https'],
  [PLAIN, 'http://127.0.0.1/', 'is this machine'],
])('a login at %s does not lead to %s', async (upstream, target, why) => {
  const asked: unknown[] = []
  const fetch = fetchFor(upstream, (url) => {
    asked.push(url)
    return Promise.resolve(new Response())
  })
  await expect(fetch(target)).rejects.toMatchObject({
    code: 'ERR_LOGIN_REFUSED',
    message: expect.stringContaining(why) as string,
  })
  await expect(fetch(target)).rejects.not.toThrow(/secret|passwd/)
  expect(asked).toEqual([])
})
