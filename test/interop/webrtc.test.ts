/** WebRTC softphones over WebSocket (RFC 7118): JsSIP and SIP.js, as published, in Chromium, mixed with desk phones. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchChromium, openPage } from '../support/browser/chromium.ts';
import { everyMode, expectBrowserMatrix } from '../support/browser/matrix.ts';
import { BrowserPhone, type BrowserPhoneOptions } from '../support/browser/party.ts';
import { CUSTOMER_NUMBER, Floor, QUEUE } from '../support/floor.ts';
import { MODES, TALK } from '../support/hear.ts';
import { childrenOf } from '../support/process.ts';
import { DOMAIN, TRUNK_PREFIX, type PersonId } from '../support/server.ts';
import type { SippCall } from '../support/sipp/call.ts';
import { SippPhone, type SippCaller } from '../support/sipp/phone.ts';
import { TONES } from '../support/tones.ts';
import { until } from '../support/until.ts';

const PARTS = { alice: 'agent', sam: 'supervisor', carol: 'customer', root: 'customer' } as const;

let floor: Floor;
let chromium: Browser;
let page: Page;
beforeAll(async () => {
  [floor, chromium] = await Promise.all([Floor.open(), launchChromium()]);
});
beforeEach(async () => {
  page = await openPage(chromium);
});
afterEach(async () => {
  await floor.clear();
  await page.close();
});
afterAll(async () => {
  await chromium?.close();
  await floor?.close();
});

async function browserPhone(
  id: keyof typeof PARTS & PersonId,
  more: Partial<BrowserPhoneOptions> = {},
): Promise<BrowserPhone> {
  const name = PARTS[id];
  const phone = await BrowserPhone.register(page, {
    kind: 'jssip',
    name,
    hz: TONES[name],
    server: floor.earshot.webSocketUrl,
    domain: DOMAIN,
    person: floor.earshot.person(id),
    ...more,
  });
  return floor.keep(phone);
}

/** A customer in conversation with alice, who is in the browser. */
async function answered(agent: BrowserPhone): Promise<{ customer: SippCaller; callId: string }> {
  const customer = await floor.customer();
  await agent.happened('incoming');
  await agent.answer();
  await agent.happened('confirmed');
  await customer.call.step('answered');
  const call = await floor.liveCall((view) => view.state === 'active' && view.agent?.id === 'alice');
  return { customer, callId: call.id };
}

describe('an agent in the browser, the supervisor at a desk phone', () => {
  test.each(['jssip', 'sipjs'] as const)(
    'R-HEAR-2 to R-HEAR-5: %s is called, the whole matrix in every mode',
    async (kind) => {
      const agent = await browserPhone('alice', { kind });
      const { customer, callId } = await answered(agent);
      const phone = await floor.phone('sam', { answersByItself: true });
      const id = await everyMode(floor, [customer.ear, agent, phone.ear], callId, () => phone.nextCall());
      await floor.api('sam').stop(id);
      await expectBrowserMatrix([customer.ear, agent, phone.ear], TALK);
      await agent.hangup();
      await customer.call.step('hungup');
    },
  );

  test('holds and resumes', async () => {
    const agent = await browserPhone('alice');
    const { customer, callId } = await answered(agent);
    await agent.hold();
    await floor.liveCall((view) => view.id === callId && view.held);
    await expectBrowserMatrix([customer.ear, agent], { customer: ['music'] });
    await agent.unhold();
    await floor.liveCall((view) => view.id === callId && !view.held);
    await expectBrowserMatrix([customer.ear, agent], TALK);
  });

  test('dials out by the trunk and is hung up on', async () => {
    const agent = await browserPhone('alice');
    const trunk = floor.keep(
      await SippPhone.listen({
        name: 'customer',
        hz: TONES.customer,
        sipPort: floor.earshot.sipPort,
        port: floor.earshot.trunkPort,
      }),
    );
    await agent.dial(`sip:${TRUNK_PREFIX}2079460000@${DOMAIN}`);
    const leg = await trunk.nextCall();
    await leg.answer();
    await agent.happened('confirmed');
    await expectBrowserMatrix([trunk.ear, agent], TALK);
    await leg.bye();
    await agent.happened('ended');
  });

  test('sees who calls, and that the customer has given up', async () => {
    const agent = await browserPhone('alice');
    const customer = await floor.customer({ to: QUEUE });
    expect((await agent.happened('incoming')).detail).toBe(CUSTOMER_NUMBER);
    await customer.call.cancel();
    await agent.happened('failed');
  });
});

/** The mediasoup workers of the server: on a larger machine there are several, and any may have the call. */
const workerPids = (): readonly number[] => childrenOf(floor.earshot.pid, 'mediasoup-worker');

describe('a worker that dies', () => {
  test('ends the calls that were on it and no other, with a reason, and is replaced', async () => {
    const agent = await browserPhone('alice');
    const { customer, callId } = await answered(agent);
    const bob = await floor.phone('bob');
    const other = await floor.customer({ to: floor.earshot.person('bob').extension, as: 'third' });
    const leg = await bob.nextCall();
    await leg.answer();
    await other.call.step('answered');

    const former = workerPids();
    for (const pid of former) process.kill(pid, 'SIGKILL');
    await customer.call.step('hungup');
    await agent.happened('ended');
    const ended = await until('the call to be over', async () => {
      const call = await floor.api('root').call(callId);
      return call.state === 'closed' && call;
    });
    expect(ended.endReason).toBe('media_failed');
    expect(other.call.over).toBe(false);
    await leg.bye();

    await until('another worker', () => workerPids().some((pid) => !former.includes(pid)));
    await until('alice to be available', async () =>
      (await floor.api('root').agents()).some((agent) => agent.id === 'alice' && agent.state === 'available'),
    );
    const again = await floor.customer();
    await agent.happened('incoming', 2);
    await agent.answer();
    await again.call.step('answered');
    await expectBrowserMatrix([again.ear, agent], TALK);
  });
});

describe('a supervisor in the browser', () => {
  test('R-HEAR-2 to R-HEAR-5: the agent at a desk phone, the whole matrix in every mode; leaves', async () => {
    const { customer, agent, callId } = await floor.conversation();
    const supervisor = await browserPhone('sam', { answersByItself: true });
    const id = await everyMode(floor, [customer.ear, agent.ear, supervisor], callId, () =>
      supervisor.happened('confirmed'),
    );
    await supervisor.hangup();
    expect(await floor.supervision(id, 'ended')).toMatchObject({ endReason: 'supervisor_left' });
  });

  test('R-HEAR-2 to R-HEAR-5: the agent in another', async () => {
    const agent = await browserPhone('alice');
    const { customer, callId } = await answered(agent);
    const supervisor = await browserPhone('sam', { answersByItself: true });
    await everyMode(floor, [customer.ear, agent, supervisor], callId, () => supervisor.happened('confirmed'));
  });

  test.each(['INFO', 'RFC2833'] as const)(
    'R-START-9: switches with the keys of the phone, by %s',
    async (transport) => {
      const { callId } = await floor.conversation();
      const supervisor = await browserPhone('sam', { answersByItself: true });
      const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
      await supervisor.happened('confirmed');
      await floor.supervision(id, 'active');
      await until('media to flow', async () => (await supervisor.state()) === 'connected' && supervisor.samples > 0);
      await supervisor.press('2', transport);
      await until('whisper', async () => (await floor.api('root').supervision(id)).mode === 'whisper');
      await supervisor.press('#', transport);
      expect(await floor.supervision(id, 'ended')).toMatchObject({ endReason: expect.any(String) as string });
    },
  );
});

describe('a browser and a desk phone of one person', () => {
  /** Alice's browser, with a tone of its own beside that of her desk phone, and a customer who rings both. */
  async function bothRing(): Promise<{ browser: BrowserPhone; desk: SippPhone; leg: SippCall; customer: SippCaller }> {
    const browser = await browserPhone('alice', { name: 'second', hz: TONES.second });
    const desk = await floor.phone('alice');
    const customer = await floor.customer();
    const [leg] = await Promise.all([desk.nextCall(), browser.happened('incoming')]);
    return { browser, desk, leg, customer };
  }

  test('both ring; the desk phone answers, the browser is told that it is over', async () => {
    const { browser, desk, leg, customer } = await bothRing();
    await leg.answer();
    expect((await browser.happened('failed')).detail).toBe('Canceled');
    await customer.call.step('answered');
    await expectBrowserMatrix([customer.ear, desk.ear, browser], TALK);
  });

  test('both ring; the browser answers, the desk phone gets CANCEL', async () => {
    const { browser, desk, leg, customer } = await bothRing();
    await browser.answer();
    await leg.step('cancelled');
    await browser.happened('confirmed');
    await customer.call.step('answered');
    await expectBrowserMatrix([customer.ear, desk.ear, browser], { customer: ['second'], second: ['customer'] });
  });

  test('both ring; the customer gives up: neither rings on', async () => {
    const { browser, leg, customer } = await bothRing();
    await customer.call.cancel();
    await Promise.all([leg.step('cancelled'), browser.happened('failed')]);
  });

  test('R-START-2 R-START-3: of a supervisor’s phones the one that answers by itself wins; one that is named rings alone', async () => {
    const { customer, agent, callId } = await floor.conversation();
    const browser = await browserPhone('sam', { name: 'second', hz: TONES.second });
    const desk = await floor.phone('sam', { answersByItself: true });
    const ears = [customer.ear, agent.ear, desk.ear, browser];
    const { id } = await floor.api('sam').supervise(callId, { mode: 'barge' });
    await browser.happened('failed');
    await floor.supervision(id, 'active');
    await expectBrowserMatrix(ears, MODES.barge);
    await floor.api('sam').stop(id);
    await floor.supervision(id, 'ended');
    const again = await floor.api('sam').supervise(callId, { mode: 'whisper', phone: 'browser' });
    await browser.happened('incoming', 2);
    await browser.answer();
    await floor.supervision(again.id, 'active');
    await expectBrowserMatrix(ears, {
      customer: ['agent'],
      agent: ['customer', 'second'],
      second: ['customer', 'agent'],
    });
    expect(desk.calls).toHaveLength(1);
  });
});

describe('a customer in the browser, agent and supervisor at desk phones', () => {
  test('R-HEAR-2 to R-HEAR-5, R-MODE-1, R-ACT-1: through a queue, the whole matrix in every mode, stop, take-over', async () => {
    const customer = await browserPhone('carol');
    const agent = await floor.phone('alice');
    await customer.dial(`sip:${QUEUE}@${DOMAIN}`);
    const leg = await agent.nextCall();
    await leg.answer();
    await customer.happened('confirmed');
    const { id: callId } = await floor.liveCall((view) => view.state === 'active');
    const supervisor = await floor.phone('sam', { answersByItself: true });
    const ears = [customer, agent.ear, supervisor.ear];
    const sam = floor.api('sam');
    let first: SippCall | null = null;
    const id = await everyMode(floor, ears, callId, async () => (first = await supervisor.nextCall()));
    await sam.change(id, { paused: false });
    await expectBrowserMatrix(ears, MODES.barge);
    await sam.stop(id);
    await first!.step('hungup');
    await expectBrowserMatrix(ears, TALK);
    const { id: second } = await sam.supervise(callId, { mode: 'listen' });
    await floor.supervision(second, 'active');
    expect((await sam.request('POST', `/calls/${callId}/takeover`)).status).toBe(200);
    await leg.step('hungup');
    await expectBrowserMatrix(ears, { customer: ['supervisor'], supervisor: ['customer'] });
    await customer.hangup();
    await (await supervisor.nextCall()).step('hungup');
  });

  test('R-HEAR-2 R-HEAR-3 R-MODE-4: to another extension; between two of the house nobody barges in', async () => {
    const caller = await browserPhone('root');
    const agent = await floor.phone('alice');
    await caller.dial(`sip:${floor.earshot.person('alice').extension}@${DOMAIN}`);
    await (await agent.nextCall()).answer();
    await caller.happened('confirmed');
    const call = await floor.liveCall((view) => view.state === 'active');
    const target = call.participants.find(({ userId }) => userId === 'alice')!.id;
    const supervisor = await floor.phone('sam', { answersByItself: true });
    const ears = [caller, agent.ear, supervisor.ear];
    const sam = floor.api('sam');
    const { id } = await sam.supervise(call.id, { mode: 'listen', target });
    await floor.supervision(id, 'active');
    await expectBrowserMatrix(ears, MODES.listen);
    await sam.change(id, { mode: 'whisper' });
    await expectBrowserMatrix(ears, MODES.whisper);
    await expect(sam.change(id, { mode: 'barge' })).rejects.toMatchObject({ code: 'agent_consulting' });
    await sam.stop(id);
    await caller.hangup();
  });
});
