/** Requests from hosts that are neither trunk nor phone: refused, with no hint why. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import { until } from '../support/until.ts';

let floor: Floor;
beforeAll(async () => {
  // The trunk is elsewhere: whatever comes from 127.0.0.1 without proof is a stranger's.
  const trunks = [{ id: 'pstn', hosts: ['127.0.0.9'], outbound: 'sip:127.0.0.9', numbers: ['+44*'] }];
  floor = await Floor.open({ config: { trunks } });
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

test.each([
  ['the queue', '8000'],
  ['an extension that is registered', '1001'],
  ['an extension without a phone', '1002'],
  ['a number that nobody has', '7777'],
  ['a number behind the trunk', '+441234567890'],
])('403 for a call to %s', async (_, to) => {
  const agent = await floor.phone('alice');
  const caller = await floor.customer({ to });
  expect(await caller.call.failure()).toBe(403);
  expect(agent.calls).toEqual([]);
  expect(await floor.api('root').calls()).toEqual([]);
});

test('a user of the directory calls from anywhere with its password', async () => {
  const bob = await floor.phone('bob');
  const alice = await floor.userCall('alice', '1002');
  const leg = await bob.nextCall();
  await leg.answer();
  await alice.call.step('answered');
  await leg.bye();
  await until('the end', () => alice.call.has('hungup'));
});
