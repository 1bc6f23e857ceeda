/** Browsers over secure WebSocket (wss), where Earshot has no listener without TLS: JsSIP in a page, and the console. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, openPage } from '../support/browser/chromium.ts';
import { ConsolePage, launchWithTone } from '../support/browser/console.ts';
import { expectBrowserMatrix } from '../support/browser/matrix.ts';
import { BrowserPhone } from '../support/browser/party.ts';
import { testCertificate } from '../support/certificate.ts';
import { CUSTOMER_NUMBER, Floor } from '../support/floor.ts';
import { MODES } from '../support/hear.ts';
import { realDrachtio } from '../support/real.ts';
import { DOMAIN } from '../support/server.ts';
import { TONES } from '../support/tones.ts';

describe.skipIf(realDrachtio !== null)('browsers over wss', () => {
  const certificate = testCertificate();
  const TRUST = `--ignore-certificate-errors-spki-list=${certificate.keyHash}`;
  let floor: Floor;
  let chromium: Browser;
  beforeAll(async () => {
    [floor, chromium] = await Promise.all([Floor.open({ certificate }), launchWithTone(TONES.supervisor, [TRUST])]);
  });
  afterEach(() => floor.clear());
  afterAll(async () => {
    await chromium?.close();
    await floor?.close();
  });

  const options = () => ({
    kind: 'jssip' as const,
    name: 'agent',
    hz: TONES.agent,
    server: floor.earshot.webSocketUrl,
    domain: DOMAIN,
    person: floor.earshot.person('alice'),
  });

  test('R-HEAR-2 R-HEAR-4: JsSIP registers, is called, calls; agent and supervisor in the browser', async () => {
    const page = await openPage(chromium);
    const agent = floor.keep(await BrowserPhone.register(page, options()));
    expect((await floor.api('root').agent('alice')).contacts).toMatchObject([{ transport: 'wss' }]);
    const sam = floor.keep(await ConsolePage.open(chromium, floor.earshot.base));
    await sam.signIn('sam');
    const customer = await floor.customer();
    await agent.happened('incoming');
    await agent.answer();
    await customer.call.step('answered');
    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    await sam.sees('You are listening');
    const ears = [customer.ear, agent, sam];
    await expectBrowserMatrix(ears, MODES.listen);
    await sam.button('Barge in', sam.pane()).click();
    await sam.sees('You are barged in');
    await expectBrowserMatrix(ears, MODES.barge);
    await agent.hangup();
    await customer.call.step('hungup');

    const desk = await floor.phone('bob');
    await agent.dial(`sip:${floor.earshot.person('bob').extension}@${DOMAIN}`);
    await (await desk.nextCall()).answer();
    await agent.happened('confirmed', 2);
    await expectBrowserMatrix([agent, desk.ear], { agent: ['second'], second: ['agent'] });
    await agent.hangup();
  });

  test('one that does not trust the certificate gets no connection', async () => {
    const strict = await launchChromium();
    try {
      const page = await openPage(strict);
      const told = page.waitForEvent('console', (message) => message.text().includes('ERR_CERT_AUTHORITY_INVALID'));
      const outcome = page.evaluate<string>(`new Promise((tell) => {
        const socket = new WebSocket('${floor.earshot.webSocketUrl}', 'sip');
        socket.onopen = () => tell('open');
        socket.onerror = () => tell('refused');
      })`);
      await told;
      expect(await outcome).toBe('refused');
    } finally {
      await strict.close();
    }
  });
});
