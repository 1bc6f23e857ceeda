import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Child } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { client, makeSite, start, type Site } from './server.ts';

let site: Site;
let server: Child;
beforeEach(async () => {
  site = await makeSite();
  site.config = { ...site.config, demo: { agent: 'alice', customer: '+441632960009', dials: '8000' } };
  server = await start(site);
});
afterEach(async () => {
  await server.stop('SIGKILL');
  site.remove();
});

test('two robot phones are in a call, call again when it is ended, and do not hold up the end of the server', async () => {
  const sam = client(site, 'sam');
  const active = (not?: string) => async () =>
    (await sam.calls()).find((call) => call.state === 'active' && call.id !== not);
  const first = await until('the robots to talk', active(), 15_000);
  expect(first.customer.number).toBe('+441632960009');
  expect(first.participants.map((p) => [p.role, p.hears.length])).toEqual([
    ['customer', 1],
    ['agent', 1],
  ]);
  expect((await sam.request('POST', `/calls/${first.id}/end`)).status).toBe(200);
  await until('the robots to talk again', active(first.id), 20_000);
  server.signal('SIGTERM');
  expect(await server.exited).toEqual({ code: 0, signal: null });
});
