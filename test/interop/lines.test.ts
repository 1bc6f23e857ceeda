/** Calls between lines and out through the trunk; refusals; hold. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import { expectMatrix, TALK } from '../support/hear.ts';
import { freePort } from '../support/ports.ts';
import { DOMAIN } from '../support/server.ts';
import { SippCaller, SippPhone } from '../support/sipp/phone.ts';
import { TONES } from '../support/tones.ts';
import { until } from '../support/until.ts';

const OUTSIDE = '+441234567890';

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open();
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

/** A telephone behind the trunk. */
async function farEnd(): Promise<SippPhone> {
  const phone = await SippPhone.listen({
    name: 'customer',
    hz: TONES.customer,
    sipPort: floor.earshot.sipPort,
    port: floor.earshot.trunkPort,
  });
  return floor.keep(phone);
}

describe('calls between lines', () => {
  test('an extension calls another', async () => {
    const bob = await floor.phone('bob');
    const alice = await floor.userCall('alice', '1002');
    const leg = await bob.nextCall();
    expect(leg.header('From')).toContain('1001');
    await alice.call.step('ringing');
    await leg.answer();
    await alice.call.step('answered');
    await expectMatrix([alice.ear, bob.ear], { agent: ['second'], second: ['agent'] });
    expect(await floor.liveCall((call) => call.state === 'active')).toMatchObject({ direction: 'internal' });
    await alice.call.bye();
    await leg.step('hungup');
  });

  test('a customer calls an extension directly', async () => {
    const bob = await floor.phone('bob');
    const customer = await floor.customer({ to: '1002' });
    await (await bob.nextCall()).answer();
    await customer.call.step('answered');
    await expectMatrix([customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test('an agent calls a number: it goes out by the trunk, with the agent as the caller', async () => {
    const outside = await farEnd();
    const alice = await floor.userCall('alice', OUTSIDE);
    const leg = await outside.nextCall();
    expect(leg.invite).toMatch(new RegExp(`^INVITE sip:${OUTSIDE.replace('+', '\\+')}@`));
    await leg.answer();
    await alice.call.step('answered');
    await expectMatrix([alice.ear, outside.ear], { agent: ['customer'], customer: ['agent'] });
    expect(await floor.liveCall((call) => call.state === 'active')).toMatchObject({
      direction: 'outbound',
      customer: { number: OUTSIDE },
      agent: { id: 'alice' },
    });
    await leg.bye();
    await alice.call.step('hungup');
  });

  test('what the network says before the answer (183) is heard by the agent who calls out', async () => {
    const outside = await farEnd();
    const alice = await floor.userCall('alice', OUTSIDE);
    const leg = await outside.nextCall();
    leg.early();
    await alice.call.step('progress');
    await expectMatrix([alice.ear, outside.ear], { agent: ['customer'] });
    expect(alice.call.has('answered')).toBe(false);
    await leg.answer();
    await alice.call.step('answered');
    await expectMatrix([alice.ear, outside.ear], { agent: ['customer'], customer: ['agent'] });
  });

  test('an INVITE without an offer is answered with one (RFC 3264 section 4)', async () => {
    const { customer, agent } = await floor.conversation({ lateOffer: true });
    await expectMatrix([customer.ear, agent.ear], TALK);
  });

  test('click to dial rings the agent, then the number', async () => {
    const agent = await floor.phone('alice');
    const outside = await farEnd();
    const call = await floor.api('alice').dial('alice', OUTSIDE);
    await (await agent.nextCall()).answer();
    const leg = await outside.nextCall();
    await leg.answer();
    await floor.liveCall((live) => live.id === call.id && live.state === 'active');
    await expectMatrix([agent.ear, outside.ear], { agent: ['customer'], customer: ['agent'] });
    await floor.api('alice').hangup(call.id);
    await leg.step('hungup');
  });

  test('a caller who gives up stops the ringing', async () => {
    const bob = await floor.phone('bob');
    const alice = await floor.userCall('alice', '1002');
    const leg = await bob.nextCall();
    await alice.call.step('ringing');
    await alice.call.cancel();
    await leg.step('cancelled');
  });
});

describe('refusals', () => {
  test('404: a number that nobody has, from the trunk and from a line', async () => {
    expect(await (await floor.customer({ to: '7777' })).call.failure()).toBe(404);
    expect(await (await floor.userCall('alice', '7777')).call.failure()).toBe(404);
  });

  test('404: a customer does not reach the trunk through us', async () => {
    expect(await (await floor.customer({ to: OUTSIDE })).call.failure()).toBe(404);
  });

  test('480: an extension without a phone', async () => {
    expect(await (await floor.customer({ to: '1002' })).call.failure()).toBe(480);
  });

  test('486 and 603 of the called phone reach the caller', async () => {
    const bob = await floor.phone('bob');
    const first = await floor.userCall('alice', '1002');
    await (await bob.nextCall()).reject(486);
    expect(await first.call.failure()).toBe(486);
    const second = await floor.userCall('alice', '1002', { as: 'agent' });
    await (await bob.nextCall()).reject(603);
    expect(await second.call.failure()).toBe(603);
  });

  test('503 of the trunk reaches the caller', async () => {
    const outside = await farEnd();
    const alice = await floor.userCall('alice', OUTSIDE);
    await (await outside.nextCall()).reject(503);
    expect(await alice.call.failure()).toBe(503);
  });

  test('a wrong password makes no call and registers no phone', async () => {
    const caller = floor.keep(
      await SippCaller.dial({
        name: 'agent',
        hz: TONES.agent,
        domain: DOMAIN,
        sipPort: floor.earshot.sipPort,
        from: '1001',
        password: 'wrong',
        to: '1002',
      }),
    );
    expect([401, 403, 407]).toContain(await caller.call.failure());
    const person = { ...floor.earshot.person('alice'), password: 'wrong' };
    await expect(
      SippPhone.register({ name: 'agent', hz: TONES.agent, person, domain: DOMAIN, sipPort: floor.earshot.sipPort }),
    ).rejects.toThrow('could not register');
    expect((await floor.api('root').agent('alice')).contacts).toEqual([]);
  });

  test("403: an extension in From without proof is a stranger, also from the trunk's own host", async () => {
    const caller = await floor.customer({ from: '1001', to: '1002' });
    expect([401, 403, 407]).toContain(await caller.call.failure());
  });
});

describe('hold', () => {
  test.each(['sendonly', 'inactive', '0.0.0.0'] as const)(
    'by re-INVITE %s: music for the customer, nothing for the agent',
    async (how) => {
      const { customer, agent, leg, callId } = await floor.conversation();
      const ears = [customer.ear, agent.ear];
      await leg.hold(how);
      await until('held', async () => (await floor.api('sam').call(callId)).held);
      await expectMatrix(ears, { customer: ['music'] }, { windowMs: 600 });
      await leg.resume();
      await until('resumed', async () => !(await floor.api('sam').call(callId)).held);
      await expectMatrix(ears, TALK);
    },
  );

  test('by API', async () => {
    const { customer, agent, callId } = await floor.conversation();
    const ears = [customer.ear, agent.ear];
    expect((await floor.api('alice').request('POST', `/calls/${callId}/hold`)).status).toBe(200);
    await expectMatrix(ears, { customer: ['music'] }, { windowMs: 600 });
    expect((await floor.api('alice').request('POST', `/calls/${callId}/resume`)).status).toBe(200);
    await expectMatrix(ears, TALK);
  });

  test('the customer holds: the agent hears music', async () => {
    const { customer, agent } = await floor.conversation();
    await customer.call.hold();
    await expectMatrix([customer.ear, agent.ear], { agent: ['music'] }, { windowMs: 600 });
    await customer.call.resume();
    await expectMatrix([customer.ear, agent.ear], TALK);
  });
});

test('a phone that registers from one port and listens at another is rung where its Contact says', async () => {
  const bob = await floor.phone('bob', { registersFrom: await freePort() });
  const customer = await floor.customer({ to: '1002' });
  await (await bob.nextCall()).answer();
  await customer.call.step('answered');
  await expectMatrix([customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
});

describe('phones over TCP', () => {
  test('a phone that registers over TCP is rung, held and released over TCP', async () => {
    const { customer, agent, leg } = await floor.conversation({}, { transport: 'tcp' });
    expect(leg.header('Via')).toContain('/TCP');
    await expectMatrix([customer.ear, agent.ear], TALK);
    await leg.bye();
    await customer.call.step('hungup');
  });

  test('a caller over TCP', async () => {
    const bob = await floor.phone('bob');
    const alice = await floor.userCall('alice', '1002', { transport: 'tcp' });
    await (await bob.nextCall()).answer();
    await alice.call.step('answered');
    await expectMatrix([alice.ear, bob.ear], { agent: ['second'], second: ['agent'] });
  });
});
