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
  const talking = (not?: string) => async () =>
    (await sam.calls()).find(
      ({ id, state, participants: [customer, agent] }) =>
        id !== not && state === 'active' && customer?.hears[0] === agent?.id && agent?.hears[0] === customer?.id,
    );
  const first = await until('the robots to talk', talking(), 15_000);
  expect(first.customer.number).toBe('+441632960009');
  expect((await sam.request('POST', `/calls/${first.id}/end`)).status).toBe(200);
  await until('the robots to talk again', talking(first.id), 20_000);
  server.signal('SIGTERM');
  expect(await server.exited).toEqual({ code: 0, signal: null });
});
