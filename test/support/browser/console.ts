/** A person at the console, in Chromium: signs in, clicks, and hears. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { Ear } from '../hear.ts';
import { joinPcm } from '../hear.ts';
import type { PersonId } from '../server.ts';
import { SAMPLE_RATE, Sine, TONES } from '../tones.ts';
import { writeWav } from '../wav.ts';
import { launchChromium } from './chromium.ts';

const SCRIPT = fileURLToPath(new URL('console-page.js', import.meta.url));
/** Said by browsers of an answer that the console expects: nobody is signed in, or a refusal that it shows. */
const EXPECTED_MESSAGE = /^Failed to load resource: the server responded with a status of (401|403|404|409)|net::ERR_/;

/** Chromium with a tone for a microphone: a WAV of one second, over and over. */
export async function launchWithTone(hz: number, flags: readonly string[] = []): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-microphone-'));
  const file = join(folder, 'tone.wav');
  writeWav(file, new Sine(hz).next(SAMPLE_RATE));
  const browser = await launchChromium([`--use-file-for-fake-audio-capture=${file}`, ...flags]);
  browser.on('disconnected', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return browser;
}

interface Block {
  readonly at: number; // performance.now() when it came
  readonly pcm: Int16Array;
}

export class ConsolePage implements Ear {
  readonly page: Page;
  readonly name: keyof typeof TONES;
  readonly hz: number;
  readonly #base: string;
  readonly #heard: Block[] = [];
  readonly #faults: string[] = [];

  private constructor(page: Page, base: string, name: keyof typeof TONES) {
    this.page = page;
    this.name = name;
    this.hz = TONES[name];
    this.#base = base;
  }

  /** Opens the console in a window of its own. */
  static async open(
    browser: Browser,
    base: string,
    options: BrowserContextOptions & { readonly as?: keyof typeof TONES } = {},
  ): Promise<ConsolePage> {
    const { as = 'supervisor', ...more } = options;
    const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1440, height: 1000 }, ...more });
    return await ConsolePage.#in(await context.newPage(), base, as);
  }

  static async #in(page: Page, base: string, name: keyof typeof TONES): Promise<ConsolePage> {
    const opened = new ConsolePage(page, base, name);
    page.on('pageerror', (error) => opened.#faults.push(String(error.stack)));
    page.on('console', (message) => {
      if (message.type() !== 'error' && !/Content.Security.Policy|Trusted/i.test(message.text())) return;
      if (!EXPECTED_MESSAGE.test(message.text())) opened.#faults.push(message.text());
    });
    await page.exposeBinding('earshotHeard', (_source, text: string) => {
      const bytes = Buffer.from(text, 'base64');
      const pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
      opened.#heard.push({ at: performance.now(), pcm });
    });
    await page.addInitScript({ path: SCRIPT });
    await page.goto(base);
    return opened;
  }

  /** Another tab of the same window. */
  async anotherTab(): Promise<ConsolePage> {
    return await ConsolePage.#in(await this.page.context().newPage(), this.#base, this.name);
  }

  async signIn(id: PersonId, password = `pw-${id}`): Promise<void> {
    await this.page.locator('[name=username]').fill(id);
    await this.page.locator('[name=password]').fill(password);
    await this.page.locator('form button.primary').click();
  }

  button(name: string | RegExp, within: Locator | Page = this.page): Locator {
    return within.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });
  }

  /** Waits until a text is shown. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** The row of a call in the list, by any text in it. */
  row(text: string): Locator {
    return this.page.locator('table.calls tbody tr', { hasText: text });
  }

  pane(): Locator {
    return this.page.locator('.pane');
  }

  audioBetween(from: number, to: number): Int16Array {
    return joinPcm(this.#heard.filter(({ at }) => at >= from && at < to).map(({ pcm }) => pcm));
  }

  /** What WCAG 2.2 A and AA find wrong in the page as it stands, in words. */
  async accessibilityFaults(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await this.page.evaluate<axe.AxeResults>(
      `axe.run(document, { runOnly: { type: 'tag', values: ${JSON.stringify(tags)} } })`,
    );
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary ?? ''}`),
    );
  }

  /** Errors of scripts, and what the Content-Security-Policy has refused. */
  faults(): readonly string[] {
    return this.#faults;
  }

  /** Throws what went wrong in the page. */
  async close(): Promise<void> {
    await this.page.close();
    if (this.#faults.length > 0) throw new Error(`in the console of ${this.name}:\n${this.#faults.join('\n')}`);
  }
}
