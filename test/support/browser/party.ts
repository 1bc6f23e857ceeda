/** Parties in a browser: each has a tone as its microphone, and what it hears is kept. */
import type { Page } from 'playwright-core';
import { joinPcm, type Ear } from '../hear.ts';
import { until } from '../until.ts';
import { follow } from './chromium.ts';

interface Block {
  readonly endedAt: number; // performance.now() of this process
  readonly pcm: Int16Array;
}

/** What happened to a party, in order; `detail` as its library tells it. */
export interface Happening {
  readonly event: string;
  readonly detail: string | undefined;
}

const BLOCK_MS = 100;

abstract class Party implements Ear {
  readonly name: string;
  readonly hz: number;
  readonly happenings: Happening[] = [];
  readonly #page: Page;
  readonly #index: number;
  readonly #blocks: Block[] = [];

  protected constructor(name: string, hz: number, page: Page, index: number) {
    this.name = name;
    this.hz = hz;
    this.#page = page;
    this.#index = index;
    follow(page, {
      onAudio: (party, endedAt, audio) => {
        if (party !== index) return;
        const pcm = new Int16Array(audio.buffer.slice(audio.byteOffset, audio.byteOffset + audio.byteLength));
        this.#blocks.push({ endedAt: endedAt - performance.timeOrigin, pcm });
      },
      onEvent: (party, event, detail) => {
        if (party === index) this.happenings.push({ event, detail });
      },
    });
  }

  /** Samples heard so far. */
  get samples(): number {
    return this.#blocks.reduce((sum, { pcm }) => sum + pcm.length, 0);
  }

  audioBetween(from: number, to: number): Int16Array {
    return this.recording(from, to).pcm;
  }

  /** The whole blocks between two moments, and when the first of them began (NaN where there is none). */
  recording(from: number, to: number): { readonly startedAt: number; readonly pcm: Int16Array } {
    const blocks = this.#blocks.filter(({ endedAt }) => endedAt - BLOCK_MS >= from && endedAt <= to);
    return { startedAt: (blocks[0]?.endedAt ?? Number.NaN) - BLOCK_MS, pcm: joinPcm(blocks.map(({ pcm }) => pcm)) };
  }

  protected call<T>(method: string, ...args: unknown[]): Promise<T> {
    const list = [this.#index, method, ...args].map((arg) => JSON.stringify(arg) ?? 'undefined').join(', ');
    return this.#page.evaluate<T>(`parties.call(${list})`);
  }

  /** RTCPeerConnection.connectionState */
  state(): Promise<string> {
    return this.call('state');
  }

  close(): Promise<void> {
    return this.#page.isClosed() ? Promise.resolve() : this.call('close');
  }
}

/** A WebRTC peer without signalling: its descriptions are passed by hand. */
export class BrowserPeer extends Party {
  static async open(page: Page, name: string, hz: number): Promise<BrowserPeer> {
    return new BrowserPeer(name, hz, page, await page.evaluate<number>(`parties.openPeer(${hz})`));
  }

  offer(codecs?: readonly string[], iceRestart = false): Promise<string> {
    return this.call('offer', codecs, iceRestart);
  }

  accept(answer: string): Promise<void> {
    return this.call('accept', answer);
  }

  answer(offer: string): Promise<string> {
    return this.call('answer', offer);
  }

  direction(value: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'): Promise<void> {
    return this.call('direction', value);
  }

  press(digit: string): Promise<void> {
    return this.call('press', digit);
  }
}

export interface BrowserPhoneOptions {
  readonly kind: 'jssip' | 'sipjs';
  readonly name: string;
  readonly hz: number;
  /** ws: or wss: address of the SIP server. */
  readonly server: string;
  readonly domain: string;
  readonly person: { readonly extension: string; readonly password: string };
  readonly answersByItself?: boolean;
}

/** A SIP softphone in a page, registered over WebSocket. */
export class BrowserPhone extends Party {
  static async register(page: Page, options: BrowserPhoneOptions): Promise<BrowserPhone> {
    const { kind, name, hz, server, domain, person, answersByItself = false } = options;
    if (!(await page.evaluate<boolean>(`'openPhone' in parties`))) {
      await page.evaluate(`import('/phones.js')`);
    }
    const settings = {
      server,
      uri: `sip:${person.extension}@${domain}`,
      user: person.extension,
      password: person.password,
      hz,
      answersByItself,
    };
    const index = await page.evaluate<number>(`parties.openPhone('${kind}', ${JSON.stringify(settings)})`);
    const phone = new BrowserPhone(name, hz, page, index);
    await phone.happened('registered');
    return phone;
  }

  /** Waits until something has happened, `times` times in all. */
  happened(event: string, times = 1): Promise<Happening> {
    return until(
      `${this.name}: ${event}`,
      () => this.happenings.filter((each) => each.event === event)[times - 1],
      15_000,
    );
  }

  dial(target: string): Promise<void> {
    return this.call('dial', target);
  }

  answer(): Promise<void> {
    return this.call('answer');
  }

  hangup(): Promise<void> {
    return this.call('hangup');
  }

  hold(): Promise<void> {
    return this.call('hold');
  }

  unhold(): Promise<void> {
    return this.call('unhold');
  }

  press(digit: string, transport: 'INFO' | 'RFC2833' = 'INFO'): Promise<void> {
    return this.call('press', digit, transport);
  }

  refer(target: string): Promise<void> {
    return this.call('refer', target);
  }
}
