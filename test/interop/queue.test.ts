/** A customer's call through the trunk and the queue to an agent's desk phone, as a telephone person expects it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CUSTOMER_NUMBER, Floor } from '../support/floor.ts';
import { expectMatrix, TALK } from '../support/hear.ts';
import { Kamailio } from '../support/kamailio.ts';
import { header } from '../support/sipp/message.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open();
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

describe('a call to a queue', () => {
  test('rings the agent, who sees the customer; both hear each other and nobody else', async () => {
    const agent = await floor.phone('alice');
    const customer = await floor.customer();
    const leg = await agent.nextCall();
    expect(leg.header('From')).toContain(CUSTOMER_NUMBER);
    await customer.call.step('ringing');
    expect(customer.call.has('answered')).toBe(false);
    const ringing = await floor.liveCall((call) => call.state === 'ringing');
    expect(ringing).toMatchObject({ direction: 'inbound', queue: 'sales', customer: { number: CUSTOMER_NUMBER } });
    await leg.answer();
    await customer.call.step('answered');
    await expectMatrix([customer.ear, agent.ear], TALK);
    const active = await floor.liveCall((call) => call.state === 'active');
    expect(active.id).toBe(ringing.id);
    expect(active.agent).toMatchObject({ id: 'alice', team: 'sales' });
    expect((await floor.api('sam').agent('alice')).state).toBe('on-call');
  });

  test('the customer hangs up: the agent is released and available again', async () => {
    const { customer, leg } = await floor.conversation();
    await customer.call.bye();
    await leg.step('hungup');
    await until('alice available', async () => (await floor.api('sam').agent('alice')).state === 'available');
    expect(await floor.api('root').calls()).toEqual([]);
  });

  test('the agent hangs up: the customer is released', async () => {
    const { customer, leg } = await floor.conversation();
    await leg.bye();
    await customer.call.step('hungup');
    await until('no call', async () => (await floor.api('root').calls()).length === 0);
  });

  test('an agent who does not answer loses the call to the next one', async () => {
    const alice = await floor.phone('alice');
    const bob = await floor.phone('bob');
    const customer = await floor.customer();
    const lost = await alice.nextCall();
    await lost.step('cancelled');
    const taken = await bob.nextCall();
    await taken.answer();
    await customer.call.step('answered');
    await expectMatrix([customer.ear, alice.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test.each([
    ['busy', 486],
    ['declined', 603],
    ['out of order', 500],
  ] as const)('a phone that is %s hands the call to the next agent', async (_, status) => {
    const alice = await floor.phone('alice');
    const bob = await floor.phone('bob');
    const customer = await floor.customer();
    await (await alice.nextCall()).reject(status);
    await (await bob.nextCall()).answer();
    await customer.call.step('answered');
    await expectMatrix([customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test('with nobody free the customer hears music, and the first agent to come takes the call', async () => {
    const customer = await floor.customer();
    await customer.call.step('answered');
    await expectMatrix([customer.ear], { customer: ['music'] }, { windowMs: 600 });
    expect((await floor.api('sam').queues()).find((queue) => queue.id === 'sales')).toMatchObject({ waiting: 1 });
    const agent = await floor.phone('alice', { registersFrom: await freePort() }); // rung at once: it must listen
    await (await agent.nextCall()).answer();
    await expectMatrix([customer.ear, agent.ear], TALK);
  });

  test('the customer gives up while the phone rings: the ringing stops', async () => {
    const agent = await floor.phone('alice');
    const customer = await floor.customer();
    const leg = await agent.nextCall();
    await customer.call.step('ringing');
    await customer.call.cancel();
    await leg.step('cancelled');
    await until('alice available', async () => (await floor.api('sam').agent('alice')).state === 'available');
  });

  test('the customer gives up in the queue', async () => {
    const customer = await floor.customer();
    await customer.call.step('answered');
    await customer.call.bye();
    await until('an empty queue', async () => (await floor.api('sam').queues()).every((queue) => queue.waiting === 0));
  });

  test('two customers: the second waits for the same agent', async () => {
    const { customer, agent, leg } = await floor.conversation();
    const second = await floor.customer({ as: 'third', from: '+442079999999' });
    await second.call.step('answered');
    const ears = [customer.ear, agent.ear, second.ear];
    await expectMatrix(ears, { customer: ['agent'], agent: ['customer'], third: ['music'] }, { windowMs: 600 });
    await customer.call.bye();
    await leg.step('hungup');
    await (await agent.nextCall()).answer();
    await expectMatrix(ears, { third: ['agent'], agent: ['third'] });
  });

  test('a proxy on the way is kept on the way by the route set', async () => {
    const proxy = floor.keep(await Kamailio.start(floor.earshot.sipPort));
    const { customer, agent, leg } = await floor.conversation({ sipPort: proxy.port });
    const answered = customer.call.steps.find((step) => step.name === 'answered');
    expect(header(answered?.message ?? '', 'Record-Route')).toContain(String(proxy.port));
    await expectMatrix([customer.ear, agent.ear], TALK);
    await leg.bye();
    const bye = await customer.call.step('hungup');
    expect(header(bye.message, 'Via')).toContain(String(proxy.port));
  });
});
