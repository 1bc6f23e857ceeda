/** The softphone of the console: the browser as a supervisor's and an agent's phone, told from the audio of all sides. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ConsolePage, launchWithTone } from '../support/browser/console.ts';
import { expectBrowserMatrix } from '../support/browser/matrix.ts';
import { CUSTOMER_NUMBER, Floor } from '../support/floor.ts';
import { MODES, TALK } from '../support/hear.ts';
import { Earshot, type PersonId } from '../support/server.ts';
import { TONES } from '../support/tones.ts';

let floor: Floor;
/** One browser a person: each has its own microphone. */
let supervisors: Browser;
let agents: Browser;
beforeAll(async () => {
  [floor, supervisors, agents] = await Promise.all([
    Floor.open(),
    launchWithTone(TONES.supervisor),
    launchWithTone(TONES.agent),
  ]);
});
afterEach(() => floor.clear());
afterAll(async () => {
  await Promise.all([supervisors?.close(), agents?.close()]);
  await floor?.close();
});

async function consoleOf(id: PersonId, browser: Browser, as: keyof typeof TONES): Promise<ConsolePage> {
  const opened = floor.keep(await ConsolePage.open(browser, floor.earshot.base, { as }));
  await opened.signIn(id);
  await opened.page.locator('header.top').waitFor();
  return opened;
}

/** Alice, with the softphone of the console turned on. */
async function aliceInBrowser(): Promise<ConsolePage> {
  const alice = await consoleOf('alice', agents, 'agent');
  await alice.page.locator('section.phone').getByRole('button', { name: 'Turn on' }).click();
  await alice.page.locator('section.phone').getByText('Ready').waitFor();
  await alice.sees('You are available.');
  return alice;
}

describe('a supervisor in the browser', () => {
  test('R-START-2 R-START-3 R-HEAR-2 to 5: one click listens; every mode; hanging up ends it', async () => {
    const sam = await consoleOf('sam', supervisors, 'supervisor');
    const { customer, agent } = await floor.conversation();
    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    await sam.sees('You are listening');
    const ears = [customer.ear, agent.ear, sam];
    await expectBrowserMatrix(ears, MODES.listen);
    await sam.button('Whisper', sam.pane()).click();
    await sam.sees('You are whispering');
    await expectBrowserMatrix(ears, MODES.whisper);
    await sam.button('Barge in', sam.pane()).click();
    await sam.sees('You are barged in');
    await expectBrowserMatrix(ears, MODES.barge);
    await sam.button('Pause').click();
    await sam.sees('Paused: you hear nobody and nobody hears you.');
    await expectBrowserMatrix(ears, TALK);
    await sam.button('Hang up', sam.page.locator('.callbar')).click();
    await sam.sees('Your phone has hung up; the supervision has ended.');
    await sam.page.locator('.callbar').waitFor({ state: 'detached' });
  });

  test('R-START-9: switches with the keypad', async () => {
    const sam = await consoleOf('sam', supervisors, 'supervisor');
    const { customer, agent } = await floor.conversation();
    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    await sam.sees('You are listening');
    const bar = sam.page.locator('.callbar');
    await sam.button('Keypad', bar).click();
    await sam.button('Key 2', bar).click();
    await sam.sees('You are whispering');
    await expectBrowserMatrix([customer.ear, agent.ear, sam], MODES.whisper);
    await sam.button('Key 0', bar).click();
    await sam.sees('Paused: you hear nobody and nobody hears you.');
    await sam.button('Key #', bar).click();
    await bar.waitFor({ state: 'detached' });
    expect(agent.ear.keys()).toEqual([]);
  });

  test('R-ACT-1: takes the call over in the browser', async () => {
    const sam = await consoleOf('sam', supervisors, 'supervisor');
    const { customer, leg } = await floor.conversation();
    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    await sam.sees('You are listening');
    await sam.button('Take over', sam.pane()).click();
    await sam.button('Take over', sam.page.getByRole('dialog')).click();
    await leg.step('hungup');
    await expectBrowserMatrix([customer.ear, sam], { customer: ['supervisor'], supervisor: ['customer'] });
    await sam.page.goto(`${floor.earshot.base}/#/mine`);
    await sam.button('Hang up', sam.page.locator('.conversation')).click();
    await customer.call.step('hungup');
  });

  test('chooses: with a desk phone registered too, the one that is wanted rings, and only that', async () => {
    const sam = await consoleOf('sam', supervisors, 'supervisor');
    const desk = await floor.phone('sam', { answersByItself: true });
    const { customer, agent } = await floor.conversation();
    await sam.row(CUSTOMER_NUMBER).getByRole('link').click();
    await sam.button('This browser', sam.pane()).click();
    await sam.page.locator('header .word').getByText('Ready').waitFor();
    await sam.button('Listen', sam.pane()).click();
    await sam.sees('You are listening');
    await expectBrowserMatrix([customer.ear, agent.ear, sam], MODES.listen);
    expect(desk.report()).not.toContain('INVITE');
    await sam.button('Stop').click();
    await sam.button('Desk phone', sam.pane()).click();
    await sam.page.locator('header .word').getByText('Off').waitFor();
    await sam.page.locator('.with small').waitFor();
    await sam.button('Listen', sam.pane()).click();
    await sam.sees('You are listening');
    await expectBrowserMatrix([customer.ear, agent.ear, desk.ear], MODES.listen);
  });
});

describe('an agent in the browser', () => {
  test('whose browser was closed without a word is rung on the desk phone', async () => {
    const alice = await aliceInBrowser();
    await alice.close();
    await floor.conversation();
  });

  test('takes a call, holds, takes it back and hangs up, supervised from a desk phone', async () => {
    const alice = await aliceInBrowser();
    const desk = await floor.phone('sam', { answersByItself: true });
    const customer = await floor.customer();
    await alice.button('Answer').click();
    await customer.call.step('answered');
    const call = await floor.liveCall((view) => view.state === 'active');
    const { id } = await floor.api('sam').supervise(call.id, { mode: 'whisper' });
    await floor.supervision(id, 'active');
    const ears = [customer.ear, alice, desk.ear];
    await expectBrowserMatrix(ears, MODES.whisper);
    expect(await alice.page.locator('main').innerText()).not.toContain('Sam'); // R-SEE-2
    await alice.button('Hold').click();
    await alice.sees('On hold');
    await expectBrowserMatrix(ears, { customer: ['music'], agent: ['supervisor'], supervisor: ['agent'] });
    await alice.button('Take back').click();
    await expectBrowserMatrix(ears, MODES.whisper);
    await alice.button('Hang up', alice.page.locator('.conversation')).click();
    await customer.call.step('hungup');
    await alice.sees('No call at the moment');
  });

  test('mutes and presses keys', async () => {
    const alice = await aliceInBrowser();
    const customer = await floor.customer();
    await alice.button('Answer').click();
    await customer.call.step('answered');
    const bar = alice.page.locator('.callbar');
    const ears = [customer.ear, alice];
    await expectBrowserMatrix(ears, TALK);
    await alice.button('Mute', bar).click();
    await bar.getByText('Your microphone is muted').waitFor();
    await expectBrowserMatrix(ears, { agent: ['customer'] });
    expect(await alice.accessibilityFaults()).toEqual([]);
    await alice.button('Unmute', bar).click();
    await expectBrowserMatrix(ears, TALK);
    await alice.button('Keypad', bar).click();
    const pressed = (): string[] => customer.ear.keys().flatMap(({ digit, end }) => (end ? [digit] : []));
    for (const key of ['1', '*', '#']) {
      await alice.button(`Key ${key}`, bar).click();
      await expect.poll(pressed).toContain(key);
    }
    expect(await alice.accessibilityFaults()).toEqual([]);
    await alice.button('Keypad', bar).click();
    await alice.button('Key 1', bar).waitFor({ state: 'detached' });
    await alice.button('Hang up', bar).click();
    await customer.call.step('hungup');
  });

  test('two browsers: an agent and a supervisor, nobody on a desk phone but the customer', async () => {
    const alice = await aliceInBrowser();
    const sam = await consoleOf('sam', supervisors, 'supervisor');
    const customer = await floor.customer();
    await alice.button('Answer').click();
    await customer.call.step('answered');
    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    await sam.sees('You are listening');
    const ears = [customer.ear, alice, sam];
    await expectBrowserMatrix(ears, MODES.listen);
    await sam.button('Barge in', sam.pane()).click();
    await sam.sees('You are barged in');
    await expectBrowserMatrix(ears, MODES.barge);
  });
});

describe('where the softphone cannot be had, a sentence says why', () => {
  test('another tab has it; it can be taken over from there', async () => {
    const sam = await consoleOf('sam', supervisors, 'supervisor');
    await sam.page.goto(`${floor.earshot.base}/#/mine`);
    const settings = (of: ConsolePage) => of.page.locator('section.phone');
    await settings(sam).getByRole('button', { name: 'Turn on' }).click();
    await settings(sam).getByText('Ready').waitFor();
    const second = floor.keep(await sam.anotherTab());
    await second.page.goto(`${floor.earshot.base}/#/mine`);
    await settings(second).getByText('Your softphone is in use in another tab or window.').waitFor();
    await settings(second).getByRole('button', { name: 'Use it here' }).click();
    await settings(second).getByText('Ready').waitFor();
    await settings(sam).getByText('Your softphone is in use in another tab or window.').waitFor();
  });

  test('the microphone may not be used', async () => {
    await floor.conversation();
    const deaf = await launchWithTone(TONES.supervisor, ['--use-fake-ui-for-media-stream=deny']);
    try {
      const sam = await ConsolePage.open(deaf, floor.earshot.base);
      await sam.signIn('sam');
      await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
      await sam.pane().getByText('The browser may not use the microphone.').waitFor();
      expect(await floor.api('root').supervisions()).toEqual([]);
      await sam.close();
    } finally {
      await deaf.close();
    }
  });

  test('the server has no WebRTC', async () => {
    const without = await Earshot.start({ env: { MEDIASOUP_WORKER_BIN: '/nonexistent/worker' } });
    try {
      const sam = await ConsolePage.open(supervisors, without.base);
      await sam.signIn('sam');
      await sam.page.locator('header').getByRole('link', { name: 'My phone' }).click();
      const reason = sam.page
        .locator('section.phone')
        .getByText('Phones in the browser are switched off on this server.');
      await reason.waitFor();
      expect(await sam.page.getByRole('button', { name: 'Turn on' }).count()).toBe(0);
      await sam.close();
    } finally {
      await without.stop();
    }
  });
});
