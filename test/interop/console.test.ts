/** The console with the real server, in Chromium; the supervisor talks on a desk phone. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ConsolePage, launchWithTone } from '../support/browser/console.ts';
import { expectBrowserMatrix } from '../support/browser/matrix.ts';
import { CuttableLine } from '../support/cut.ts';
import { CUSTOMER_NUMBER, Floor } from '../support/floor.ts';
import { MODES, TALK } from '../support/hear.ts';
import { Earshot, type PersonId } from '../support/server.ts';
import { TONES } from '../support/tones.ts';

let floor: Floor;
let chromium: Browser;
beforeAll(async () => {
  [floor, chromium] = await Promise.all([Floor.open(), launchWithTone(TONES.supervisor)]);
});
afterEach(() => floor.clear());
afterAll(async () => {
  await chromium?.close();
  await floor?.close();
});

async function consoleOf(id: PersonId, options: BrowserContextOptions & { url?: string } = {}): Promise<ConsolePage> {
  const { url = floor.earshot.base, ...more } = options;
  const opened = floor.keep(await ConsolePage.open(chromium, url, more));
  await opened.signIn(id);
  await opened.page.locator('header.top').waitFor();
  return opened;
}

describe('signing in', () => {
  test('refuses a wrong password with a sentence, then lets in; in both languages', async () => {
    const sam = floor.keep(await ConsolePage.open(chromium, floor.earshot.base));
    await sam.button('Sign in').click();
    await sam.sees('Please fill in both fields.');
    await sam.signIn('sam', 'wrong');
    await sam.sees('The user name or the password is wrong.');
    await sam.button('Deutsch').click();
    await sam.page.getByRole('heading', { name: 'Anmelden' }).waitFor();
    expect(await sam.page.locator('html').getAttribute('lang')).toBe('de');
    await sam.signIn('sam');
    await sam.sees('Zurzeit keine Gespräche');
    await sam.page.reload();
    await sam.sees('Zurzeit keine Gespräche');
  });

  test('an agent sees the own page and nothing of other calls', async () => {
    const alice = await consoleOf('alice', { locale: 'de-DE' });
    await alice.sees('Zurzeit kein Gespräch');
    expect(await alice.page.locator('header nav a').allInnerTexts()).toEqual(['Mein Telefon']);
    await alice.page.goto(`${floor.earshot.base}/#/calls`);
    await alice.sees('Zurzeit kein Gespräch');
  });
});

describe('supervising from the console with a desk phone', () => {
  test('R-SEE-1 R-START-2 R-HEAR-2 to 5: a call appears by itself; one click listens; modes, pause and stop', async () => {
    const sam = await consoleOf('sam');
    await sam.sees('No live calls right now');
    const phone = await floor.phone('sam', { answersByItself: true });
    const { customer, agent } = await floor.conversation();
    const row = sam.row(CUSTOMER_NUMBER);
    await row.getByText('Active').waitFor();
    expect(await row.innerText()).toContain('Alice');

    await sam.button('Listen', row).click();
    await sam.sees('You are listening');
    const ears = [customer.ear, agent.ear, phone.ear];
    await expectBrowserMatrix(ears, MODES.listen);
    await sam.button('Whisper', sam.pane()).click();
    await sam.sees('You are whispering');
    await expectBrowserMatrix(ears, MODES.whisper);
    await sam.page
      .locator('figcaption li', { hasText: 'Alice hears' })
      .filter({ hasText: 'You' })
      .waitFor({ state: 'attached' });
    await sam.page.locator('.parties li', { hasText: 'Alice' }).getByText('talking').waitFor();
    await sam.button('Pause').click();
    await sam.sees('Paused: you hear nobody and nobody hears you.');
    await expectBrowserMatrix(ears, TALK);
    expect(await sam.button(/^Barge in/, sam.pane()).getAttribute('aria-disabled')).toBe('true'); // R-MODE-2
    await sam.button('Resume').click();
    await sam.button('Barge in', sam.pane()).click();
    await sam.sees('You are barged in');
    await expectBrowserMatrix(ears, MODES.barge);
    await sam.button('Stop').click();
    await sam.sees('The supervision has been stopped.');
    await sam.sees("Sam's supervision ended");
    await expectBrowserMatrix(ears, TALK);
  });

  test('R-FLOW-5: signing out is refused while supervising, with a sentence, and possible after', async () => {
    const sam = await consoleOf('sam');
    await floor.phone('sam', { answersByItself: true });
    await floor.conversation();
    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    await sam.sees('You are listening');
    await sam.page.locator('summary', { hasText: 'Account and settings' }).click();
    await sam.button('Sign out').click();
    await sam.sees('You are still supervising a call. Stop that first, then sign out.');
    await sam.page.keyboard.press('Escape');
    await sam.button('Stop').click();
    await sam.page.locator('.pane .control').waitFor({ state: 'detached' });
    await sam.page.locator('summary', { hasText: 'Account and settings' }).click();
    await sam.button('Sign out').click();
    await sam.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('R-EXCL-1: what is held by somebody else is disabled and names the holder', async () => {
    const sam = await consoleOf('sam');
    await floor.phone('sue', { answersByItself: true, as: 'second' });
    await floor.phone('sam', { answersByItself: true });
    const { callId } = await floor.conversation();
    await sam.row(CUSTOMER_NUMBER).getByRole('link').click();
    await floor.api('sue').supervise(callId, { mode: 'listen' });
    await sam.sees('Sue is listening');
    const listen = sam.row(CUSTOMER_NUMBER).getByRole('button');
    await expect.poll(() => listen.getAttribute('title')).toBe('Sue is supervising this agent already.');
    expect(await listen.getAttribute('aria-disabled')).toBe('true');
  });

  test('R-ACT-5: ending a call asks first, by keyboard alone', async () => {
    const sam = await consoleOf('sam');
    const { customer } = await floor.conversation();
    await sam.row(CUSTOMER_NUMBER).getByRole('link').focus();
    await sam.page.keyboard.press('Enter');
    await sam.button('End call', sam.pane()).focus();
    await sam.page.keyboard.press('Enter');
    const dialog = sam.page.getByRole('dialog');
    await dialog.getByText('End this call for everybody?').waitFor();
    await sam.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await sam.button('End call', sam.pane()).focus();
    await sam.page.keyboard.press('Enter');
    await sam.button('End call', dialog).focus();
    await sam.page.keyboard.press('Enter');
    await customer.call.step('hungup');
    await sam.sees('This call has ended.');
  });
});

describe('moving a call from the console', () => {
  test('R-ACT-2: a supervisor transfers it to another agent', async () => {
    const sam = await consoleOf('sam');
    const { customer, leg } = await floor.conversation();
    const bob = await floor.phone('bob');
    await sam.row(CUSTOMER_NUMBER).getByRole('link').click();
    await sam.button('Transfer …', sam.pane()).click();
    const dialog = sam.page.getByRole('dialog');
    expect(await dialog.getByText('Alice').count()).toBe(0);
    await dialog.getByRole('radio', { name: /Bob/ }).check();
    await sam.button('Transfer', dialog).click();
    await (await bob.nextCall()).answer();
    await leg.step('hungup');
    await sam.row(CUSTOMER_NUMBER).getByText('Bob').waitFor();
    await sam.sees('Transferred to Bob');
    await expectBrowserMatrix([customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test('an agent consults a colleague and hands the call over', async () => {
    const alice = await consoleOf('alice');
    const { customer, agent, leg } = await floor.conversation();
    const bob = await floor.phone('bob');
    const ears = [customer.ear, agent.ear, bob.ear];
    await alice.button('Consult …').click();
    const dialog = alice.page.getByRole('dialog');
    await dialog.getByRole('radio', { name: /Bob/ }).check();
    await alice.button('Call', dialog).click();
    await (await bob.nextCall()).answer();
    await alice.sees('Consulting Bob');
    await expectBrowserMatrix(ears, { customer: ['music'], agent: ['second'], second: ['agent'] });
    await alice.button('Hand the call over').click();
    await leg.step('hungup');
    await alice.sees('No call at the moment');
    await expectBrowserMatrix([customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test('R-START-7: an agent takes a colleague into the conversation; a supervisor chooses whom to follow', async () => {
    const alice = await consoleOf('alice');
    const sam = await consoleOf('sam');
    const { customer, agent } = await floor.conversation();
    const bob = await floor.phone('bob');
    const phone = await floor.phone('sam', { answersByItself: true });
    const consult = async (): Promise<void> => {
      await alice.button('Consult …').click();
      const dialog = alice.page.getByRole('dialog');
      await dialog.getByRole('radio', { name: /Bob/ }).check();
      await alice.button('Call', dialog).click();
    };
    await consult();
    const first = await bob.nextCall();
    await first.answer();
    await alice.button('Back to the customer').click();
    await first.step('hungup');
    await consult();
    await (await bob.nextCall()).answer();
    await alice.button('Talk together').click();
    const ears = [customer.ear, agent.ear, bob.ear, phone.ear];
    const conference = { customer: ['agent', 'second'], agent: ['customer', 'second'], second: ['customer', 'agent'] };
    await expectBrowserMatrix(ears, conference);

    await sam.button('Listen', sam.row(CUSTOMER_NUMBER)).click();
    const dialog = sam.page.getByRole('dialog');
    await dialog.getByText('Whom do you want to follow?').waitFor();
    expect(await sam.accessibilityFaults()).toEqual([]);
    await sam.button('Bob', dialog).click();
    await dialog.waitFor({ state: 'detached' });
    await sam.sees('You are listening');
    await expectBrowserMatrix(ears, { ...conference, supervisor: ['customer', 'agent', 'second'] });
    const [supervision] = await floor.api('sam').supervisions();
    const { participants } = await floor.liveCall(() => true);
    expect(participants.find(({ id }) => id === supervision?.target)?.userId).toBe('bob');
  });

  test('R-ACT-4: a supervisor assigns a call that waits, past the state of the agent', async () => {
    const sam = await consoleOf('sam');
    const bob = await floor.phone('bob');
    await floor.api('bob').setState('bob', 'away');
    const customer = await floor.customer();
    await sam.row(CUSTOMER_NUMBER).getByText('Open', { exact: true }).waitFor();
    await sam.row(CUSTOMER_NUMBER).getByRole('link').click();
    await sam.button('Assign …', sam.pane()).click();
    const dialog = sam.page.getByRole('dialog');
    await dialog.getByText('The call leaves the queue and rings where you choose.').waitFor();
    expect(await sam.button('Assign', dialog).isDisabled()).toBe(true);
    await dialog.getByRole('radio', { name: /Bob/ }).check();
    await sam.button('Assign', dialog).click();
    await dialog.getByRole('alert').getByText('Bob is "away"').waitFor();
    expect(bob.calls).toHaveLength(0);
    expect(await sam.accessibilityFaults()).toEqual([]);
    await dialog.getByLabel('Also where the agent is not available or busy').check();
    await sam.button('Assign', dialog).click();
    await (await bob.nextCall()).answer();
    await dialog.waitFor({ state: 'detached' });
    await customer.call.step('answered');
    await sam.row(CUSTOMER_NUMBER).getByText('Bob').waitFor();
    await expectBrowserMatrix([customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
    await sam.button(/^Assign …/, sam.pane()).waitFor();
    expect(await sam.button(/^Assign …/, sam.pane()).getAttribute('aria-disabled')).toBe('true');
    await floor.api('bob').setState('bob', 'available');
  });

  test('an agent calls from the console: the own phone first, then the number', async () => {
    const alice = await consoleOf('alice');
    await floor.phone('alice', { answersByItself: true });
    const bob = await floor.phone('bob');
    await alice.sees('You are available.');
    await alice.page.getByLabel('Extension or telephone number').fill('1002');
    await alice.button('Call').click();
    await bob.nextCall();
    await alice.page.locator('.conversation').getByText('Bob').first().waitFor();
    await alice.button('Hang up').click();
    await alice.sees('No call at the moment');
  });
});

describe('R-SEE-1: more calls than a page shows at first', () => {
  test('shows more when asked to; sorts and searches all of them', async () => {
    const sam = floor.keep(await ConsolePage.open(chromium, floor.earshot.base));
    const { customer } = await floor.conversation();
    // The one call of the server, 250 times over.
    await sam.page.route('**/api/v1/calls', async (route) => {
      const response = await route.fetch();
      const calls = (await response.json()) as { id: string; customer: { number: string; name: string } }[];
      const many = calls.flatMap((call) =>
        Array.from({ length: 250 }, (_, i) => {
          const number = `+4420${1000 + i}`;
          return { ...call, id: `${call.id}-${i}`, customer: { number, name: number } };
        }),
      );
      await route.fulfill({ response, json: many });
    });
    await sam.signIn('sam');
    const rows = sam.page.locator('table.calls tbody tr');
    await sam.sees('250 calls');
    expect(await rows.count()).toBe(200);
    await sam.button('Show more (50 left)').click();
    await expect.poll(() => rows.count()).toBe(250);
    expect(await sam.button(/^Show more/).count()).toBe(0);
    await sam.page.reload();
    await expect.poll(() => rows.count()).toBe(200);
    for (const first of ['+44201000', '+44201249']) {
      await sam.page.getByRole('columnheader', { name: 'Customer' }).getByRole('button').click();
      await rows.first().getByText(first).first().waitFor();
    }
    await sam.page.getByPlaceholder('Search name, number or id').fill('+44201249');
    await sam.sees('1 of 250 calls');
    expect(await rows.count()).toBe(1);
    expect(await rows.first().innerText()).toContain('+44201249');
    await sam.page.unrouteAll();
    await customer.call.bye();
  });
});

describe('the line to the server (R-SEE-4)', () => {
  test('is shown when it is lost, and repaired with nothing missed', async () => {
    const line = floor.keep(await CuttableLine.open(floor.earshot.apiPort));
    const sam = await consoleOf('sam', { url: line.url });
    await sam.sees('No live calls right now');
    line.cut();
    await sam.sees('What you see may be out of date. Trying to reconnect …');
    const { customer } = await floor.conversation();
    line.mend();
    await sam.sees('Connection restored. Nothing has been missed.');
    await sam.row(CUSTOMER_NUMBER).getByText('Active').waitFor();
    line.cut();
    await sam.page.locator('.banner.warn').waitFor();
    await customer.call.bye();
    line.mend();
    await sam.button('Try now').click();
    await sam.sees('No live calls right now');
  });

  test('leads to signing in again after the server has been restarted', async () => {
    const line = floor.keep(await CuttableLine.open(floor.earshot.apiPort));
    const sam = await consoleOf('sam', { url: line.url });
    await sam.sees('No live calls right now');
    line.cut();
    const restarted = await Earshot.start();
    try {
      line.mend(restarted.apiPort);
      await sam.sees('Your session has ended. Please sign in again.');
      await sam.signIn('sam');
      await sam.sees('No live calls right now');
    } finally {
      await sam.page.goto('about:blank');
      await restarted.stop();
    }
  });
});

describe('accessibility (WCAG 2.2 AA)', () => {
  test.each(['light', 'dark'] as const)('axe finds nothing: %s', async (colorScheme) => {
    const first = floor.keep(await ConsolePage.open(chromium, floor.earshot.base, { colorScheme }));
    await first.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await first.accessibilityFaults()).toEqual([]);
    const sam = await consoleOf('sam', { colorScheme, reducedMotion: 'reduce' });
    await sam.sees('No live calls right now');
    expect(await sam.accessibilityFaults()).toEqual([]);
    await floor.phone('sam', { answersByItself: true });
    await floor.conversation();
    await sam.row(CUSTOMER_NUMBER).getByRole('link').click();
    await sam.button('Listen', sam.pane()).waitFor();
    expect(await sam.accessibilityFaults()).toEqual([]);
    await sam.button('Listen', sam.pane()).click();
    await sam.sees('You are listening');
    expect(await sam.accessibilityFaults()).toEqual([]);
    await sam.button('Transfer …', sam.pane()).click();
    await sam.sees('Transfer the call');
    expect(await sam.accessibilityFaults()).toEqual([]);
    await sam.page.keyboard.press('Escape');
    for (const page of ['agents', 'queues', 'mine']) {
      await sam.page.goto(`${floor.earshot.base}/#/${page}`);
      await sam.page.locator('main .card').first().waitFor();
      expect(await sam.accessibilityFaults(), page).toEqual([]);
    }
    await sam.page.locator('summary', { hasText: 'Account and settings' }).click();
    expect(await sam.accessibilityFaults()).toEqual([]);
    const alice = await consoleOf('alice', { colorScheme });
    await alice.button('Hang up').waitFor();
    expect(await alice.accessibilityFaults()).toEqual([]);
  });

  test('on a small screen, or enlarged four times (1.4.10): nothing is wider than the page, and axe finds nothing', async () => {
    const sam = await consoleOf('sam', { viewport: { width: 320, height: 640 } });
    await floor.phone('sam', { answersByItself: true });
    await floor.conversation();
    const fits = async (what: string): Promise<void> => {
      expect(await sam.page.evaluate<number>('document.documentElement.scrollWidth'), what).toBeLessThanOrEqual(320);
      expect(await sam.accessibilityFaults(), what).toEqual([]);
    };
    await sam.row(CUSTOMER_NUMBER).waitFor();
    await fits('calls');
    await sam.row(CUSTOMER_NUMBER).getByRole('link').click();
    await sam.button('Listen', sam.pane()).click();
    await sam.sees('You are listening');
    await fits('a call');
    await sam.button('Transfer …', sam.pane()).click();
    await sam.sees('Transfer the call');
    await fits('a dialog');
    await sam.page.keyboard.press('Escape');
    for (const page of ['agents', 'queues', 'mine']) {
      await sam.page.goto(`${floor.earshot.base}/#/${page}`);
      await sam.page.locator('main .card').first().waitFor();
      await fits(page);
    }
  });
});
