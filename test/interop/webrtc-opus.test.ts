/** A softphone in Chromium that speaks opus, a customer and a supervisor with G.711: transcoded by the engine. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, openPage } from '../support/browser/chromium.ts';
import { everyMode, expectBrowserMatrix } from '../support/browser/matrix.ts';
import { BrowserPhone } from '../support/browser/party.ts';
import { Floor } from '../support/floor.ts';
import { TALK } from '../support/hear.ts';
import { DOMAIN } from '../support/server.ts';
import { TONES } from '../support/tones.ts';

let floor: Floor;
let chromium: Browser;
let page: Page;
beforeAll(async () => {
  [floor, chromium] = await Promise.all([Floor.open({ codecs: ['opus', 'PCMU', 'PCMA'] }), launchChromium()]);
  page = await openPage(chromium);
});
afterEach(() => floor.clear());
afterAll(async () => {
  await chromium?.close();
  await floor?.close();
});

test('R-HEAR-2 to R-HEAR-5: an agent with opus in the browser, the supervisor at a desk phone, every mode', async () => {
  const agent = floor.keep(
    await BrowserPhone.register(page, {
      kind: 'jssip',
      name: 'agent',
      hz: TONES.agent,
      server: floor.earshot.webSocketUrl,
      domain: DOMAIN,
      person: floor.earshot.person('alice'),
    }),
  );
  const customer = await floor.customer();
  await agent.happened('incoming');
  await agent.answer();
  await agent.happened('confirmed');
  await customer.call.step('answered');
  const call = await floor.liveCall((view) => view.state === 'active' && view.agent?.id === 'alice');
  const codecs = new Map(call.participants.map(({ role, codec }) => [role, codec]));
  expect([codecs.get('agent'), codecs.get('customer')]).toEqual(['opus', 'PCMU']);

  const phone = await floor.phone('sam', { answersByItself: true });
  const ears = [customer.ear, agent, phone.ear];
  const id = await everyMode(floor, ears, call.id, () => phone.nextCall());
  await floor.api('sam').stop(id);
  await expectBrowserMatrix(ears, TALK);
  await agent.hangup();
  await customer.call.step('hungup');
});
