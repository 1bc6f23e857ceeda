/** Headless Chromium as a WebRTC peer: a party with a tone of its own, and a record of what it is sent. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--disable-gpu',
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

/** A page for parties. Its origin is one that the browser trusts, as it asks of a page that handles audio. */
export async function openPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  await page.route('http://localhost/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }),
  );
  await page.goto('http://localhost/');
  await page.addScriptTag({ path: fileURLToPath(new URL('page.js', import.meta.url)) });
  return page;
}

type Method = 'offer' | 'accept' | 'answer' | 'direction' | 'press' | 'state' | 'recorded';

/** A party in a page. */
export class BrowserPeer {
  readonly name: string;
  readonly hz: number;
  readonly #page: Page;
  readonly #index: number;

  private constructor(name: string, hz: number, page: Page, index: number) {
    this.name = name;
    this.hz = hz;
    this.#page = page;
    this.#index = index;
  }

  /** Opens a party in a page of `openPage`. */
  static async open(page: Page, name: string, hz: number): Promise<BrowserPeer> {
    return new BrowserPeer(name, hz, page, await page.evaluate<number>(`peers.open(${hz})`));
  }

  #call<T>(method: Method, ...args: unknown[]): Promise<T> {
    const list = [this.#index, method, ...args].map((arg) => JSON.stringify(arg) ?? 'undefined').join(', ');
    return this.#page.evaluate<T>(`peers.call(${list})`);
  }

  offer(codecs?: readonly string[], iceRestart = false): Promise<string> {
    return this.#call('offer', codecs, iceRestart);
  }

  accept(answer: string): Promise<void> {
    return this.#call('accept', answer);
  }

  answer(offer: string): Promise<string> {
    return this.#call('answer', offer);
  }

  direction(value: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'): Promise<void> {
    return this.#call('direction', value);
  }

  press(digit: string): Promise<void> {
    return this.#call('press', digit);
  }

  /** RTCPeerConnection.connectionState */
  state(): Promise<string> {
    return this.#call('state');
  }

  /** What it was sent since the last time: 8 kHz, 16 bit. */
  async heard(): Promise<Int16Array> {
    const bytes = Buffer.from(await this.#call<string>('recorded'), 'base64');
    return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }

  close(): Promise<void> {
    return this.#page.evaluate<undefined>(`peers.close(${this.#index})`);
  }
}
