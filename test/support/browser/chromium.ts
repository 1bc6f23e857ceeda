/** Headless Chromium for tests, and the pages that parties live in. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { linkCommonJs } from '../../../src/web/server/link.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const ORIGIN = 'http://localhost'; // trusted by the browser, as it asks of a page that handles audio
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--disable-gpu',
  // The pages come from this process and not from an address, which would count as the public Internet.
  '--disable-features=LocalNetworkAccessChecks',
];

/** The browser to test with: EARSHOT_TEST_CHROMIUM, or Debian's. */
export function chromiumPath(): string {
  const path = process.env['EARSHOT_TEST_CHROMIUM'] ?? PLACES.find((each) => existsSync(each));
  if (path === undefined)
    throw new Error('no Chromium: apt-get install chromium, or name one in EARSHOT_TEST_CHROMIUM');
  return path;
}

export function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: [...FLAGS, ...flags] });
}

/** What a page tells of its parties. */
export interface PageEvents {
  onAudio(party: number, endedAt: number, audio: Buffer): void;
  onEvent(party: number, event: string, detail: string | undefined): void;
}

const listeners = new WeakMap<Page, Set<PageEvents>>();

/** Told of everything that happens in the page from now on. */
export function follow(page: Page, events: PageEvents): void {
  listeners.get(page)!.add(events);
}

const own = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What the page asks for, from the disk: nothing comes from a network. */
function fileFor(path: string): { contentType: string; body: string } | null {
  if (path === '/') return { contentType: 'text/html', body: '<!doctype html><title>phones</title>' };
  if (path === '/phones.js') return { contentType: 'text/javascript', body: readFileSync(own('phones.js'), 'utf8') };
  if (path === '/jssip.js') {
    return { contentType: 'text/javascript', body: linkCommonJs('jssip', join(ROOT, 'package.json')) };
  }
  const file = join(ROOT, path);
  if (!path.startsWith('/node_modules/sip.js/lib/') || !existsSync(file)) return null;
  return { contentType: 'text/javascript', body: readFileSync(file, 'utf8') };
}

/** A page for parties. */
export async function openPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  const all = new Set<PageEvents>();
  listeners.set(page, all);
  await page.exposeFunction('heard', (party: number, endedAt: number, audio: string) => {
    for (const each of all) each.onAudio(party, endedAt, Buffer.from(audio, 'base64'));
  });
  await page.exposeFunction('happened', (party: number, event: string, detail?: string) => {
    for (const each of all) each.onEvent(party, event, detail);
  });
  await page.route(`${ORIGIN}/**`, (route) =>
    route.fulfill(fileFor(new URL(route.request().url()).pathname) ?? { status: 404, body: '' }),
  );
  await page.goto(`${ORIGIN}/`);
  await page.addScriptTag({ path: own('page.js') });
  return page;
}
