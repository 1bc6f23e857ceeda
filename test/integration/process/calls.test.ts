import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RobotPhone } from '../../../src/robot/phone.ts';
import type { AuditEntry } from '../../../src/control/archive.ts';
import type { CallView, SupervisionView } from '../../../src/call/views.ts';
import type { Child } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { client, makeSite, robot, start, type Site } from './server.ts';

let site: Site;
let server: Child;
let robots: RobotPhone[];
beforeEach(async () => {
  site = await makeSite();
  server = await start(site);
  robots = [];
});
afterEach(async () => {
  await Promise.all(robots.map((phone) => phone.close()));
  await server.stop('SIGKILL');
  site.remove();
});

/** A customer in conversation with Alice. */
async function call(): Promise<CallView> {
  for (const [number, password] of [['1001', 'pw-alice'], ['2001', 'pw-sam'], ['+441632960000']] as const) {
    robots.push(await robot(site, number, password));
  }
  await robots[2]!.dial('8000');
  return until('the call to be active', async () =>
    (await client(site, 'sam').calls()).find((c) => c.state === 'active'),
  );
}

async function supervise(callId: string): Promise<SupervisionView> {
  const sam = client(site, 'sam');
  const { body, status } = await sam.request('POST', `/calls/${callId}/supervisions`, { mode: 'listen' });
  expect(status, JSON.stringify(body)).toBe(201);
  const { id } = body as SupervisionView;
  return until('the supervision to be active', async () => {
    const view = (await sam.request('GET', `/supervisions/${id}`)).body as SupervisionView;
    return view.state === 'active' ? view : null;
  });
}

async function items<T>(path: string): Promise<T[]> {
  const { body } = await client(site, 'root').request('GET', path);
  return (body as { items: T[] }).items;
}

test('SIGTERM drains: no new calls, the live one goes on, and the server ends with it', async () => {
  await call();
  server.signal('SIGTERM');
  await until('the server to drain', async () => (await fetch(`${site.base}/health/ready`)).status === 503);
  expect((await fetch(`${site.base}/health/live`)).status).toBe(200);
  const [live] = await client(site, 'sam').calls();
  expect(live?.state).toBe('active');
  const refused = await client(site, 'sam').request('POST', `/calls/${live!.id}/supervisions`, { mode: 'listen' });
  expect(refused.status).toBe(409);
  robots[2]!.call?.hangup();
  expect(await server.exited).toEqual({ code: 0, signal: null });
});

test('a second signal ends live calls at once, and their phones are told', async () => {
  await call();
  server.signal('SIGTERM');
  await until('the server to drain', async () => (await fetch(`${site.base}/health/ready`)).status === 503);
  server.signal('SIGTERM');
  expect(await server.exited).toEqual({ code: 0, signal: null });
  await until('the phones to be released', () => robots.every((phone) => phone.call === null));
});

test('R-SEE-5, R-EXCL-5: after a kill -9 the supervision is on record once, ended, and holds nobody', async () => {
  const { id: callId } = await call();
  const { id } = await supervise(callId);
  const changed = await client(site, 'sam').request('PATCH', `/supervisions/${id}`, { mode: 'whisper' });
  expect(changed.status).toBe(200);
  // What has been answered is on disk: no moment to wait.
  await server.stop('SIGKILL');
  await Promise.all(robots.splice(0).map((phone) => phone.close()));

  server = await start(site);
  const entries = (await items<AuditEntry>('/audit')).filter(({ supervision }) => supervision.id === id);
  const events = entries.map(({ event }) => event).reverse();
  expect(events[0]).toBe('started');
  expect(events.at(-1)).toBe('ended');
  expect(events.filter((event) => event !== 'updated')).toEqual(['started', 'ended']);
  expect(entries[0]).toMatchObject({
    supervision: { supervisor: { id: 'sam' }, mode: 'whisper', state: 'ended', endReason: 'call_ended' },
    target: { userId: 'alice' },
  });
  expect(await items<CallView>('/history')).toMatchObject([{ id: callId, endReason: 'server_restarted' }]);
  expect((await client(site, 'root').request('GET', '/supervisions')).body).toEqual([]);

  const again = await call();
  expect(again.id).not.toBe(callId);
  await supervise(again.id);
});

test('R-SEE-3: a call that is over is in the history, with its timeline and its supervisors', async () => {
  const { id: callId } = await call();
  const { id } = await supervise(callId);
  robots[2]!.call?.hangup();
  const closed = await until('the call in the history', async () => (await items<CallView>('/history'))[0]);
  expect(closed).toMatchObject({ id: callId, state: 'closed', agent: { id: 'alice' } });
  expect(closed.supervisions).toMatchObject([{ id, state: 'ended', endReason: 'call_ended' }]);
  await server.stop('SIGTERM');
  server = await start(site);
  const timeline = (await client(site, 'sam').request('GET', `/calls/${callId}/timeline`)).body as { type: string }[];
  const types = timeline.map(({ type }) => type);
  expect(types[0]).toBe('call.created');
  expect(types.filter((type) => type.startsWith('supervision.')).length).toBeGreaterThan(1);
  const csv = (await client(site, 'root').request('GET', '/history.csv?supervised=true')).body as string;
  expect(csv.split('\r\n')[1]).toMatch(new RegExp(`^${callId},.*,Sam$`));
});
