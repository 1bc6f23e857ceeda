/** One call as one sipp lives it: its steps in order, orders to it, and its media tied to the phone's tone. */
import type { ToneEndpoint } from '../tone-endpoint.ts';
import { until } from '../until.ts';
import { header, mediaOf, statusOf } from './message.ts';
import type { Rejection } from './scenario.ts';
import type { Sipp } from './sipp.ts';
import type { Step } from './steps.ts';

/** `0.0.0.0`: as phones of RFC 2543 hold, by that connection address. */
export type Hold = 'sendonly' | 'inactive' | '0.0.0.0';

/** Steps after which the call is over. */
const OVER = ['ended', 'hungup', 'failed', 'cancelled', 'aborted'];

export class SippCall {
  readonly steps: Step[] = [];
  readonly #ear: ToneEndpoint;
  readonly #sipp: () => Sipp;

  constructor(ear: ToneEndpoint, sipp: () => Sipp) {
    this.#ear = ear;
    this.#sipp = sipp;
  }

  /** Fed by the log. */
  take(step: Step): void {
    this.steps.push(step);
    const media = mediaOf(step.message);
    // A caller hears from its own INVITE on; a phone sends once it has answered.
    if (media !== null && (step.name === 'progress' || step.name === 'answered' || step.name === 'reinvited')) {
      this.#ear.connect(media.address, media.port);
    }
    if (step.name === 'answered' && media === null) {
      const offer = mediaOf(this.invite);
      if (offer !== null) this.#ear.connect(offer.address, offer.port);
    }
    if (OVER.includes(step.name)) this.#ear.disconnect();
  }

  /** Known from the first step on; empty before. */
  get callId(): string {
    return this.steps[0]?.callId ?? '';
  }

  /** The INVITE that reached a phone; empty at a caller. */
  get invite(): string {
    return this.steps.find((step) => step.name === 'invite')?.message ?? '';
  }

  /** A header of the INVITE that reached a phone. */
  header(name: string): string | undefined {
    return header(this.invite, name);
  }

  has(name: string): boolean {
    return this.steps.some((step) => step.name === name);
  }

  get over(): boolean {
    return this.steps.some((step) => OVER.includes(step.name));
  }

  /** Waits for a step; throws with sipp's own report if the call has ended otherwise. */
  async step(name: string, limitMs = 8000): Promise<Step> {
    try {
      return await until(
        `step ${name}`,
        () => this.steps.find((step) => step.name === name) ?? (this.over ? ('over' as const) : null),
        limitMs,
      ).then((step) => {
        if (step === 'over') throw new Error(`the call is over before ${name}`);
        return step;
      });
    } catch (error) {
      const steps = this.steps.map((step) => step.name).join(', ');
      throw new Error(`${this.callId}: ${String(error)}; steps: ${steps}\n${this.#sipp().report()}`);
    }
  }

  /** A caller's outcome: the status of the failure. */
  async failure(limitMs?: number): Promise<number> {
    return statusOf((await this.step('failed', limitMs)).message);
  }

  /** Answers a ringing phone; resolves when the ACK has come. */
  async answer(): Promise<void> {
    this.#order('answer');
    await this.step('answered');
  }

  /** A called party speaks before it answers: 183 with its SDP. */
  early(): void {
    this.#order('early');
    const offer = mediaOf(this.invite);
    if (offer !== null) this.#ear.connect(offer.address, offer.port);
  }

  /** Refuses a ringing phone's call. */
  async reject(status: Rejection): Promise<void> {
    this.#order(`reject${status}`);
    await this.step('ended');
  }

  /** Hangs up; resolves when the BYE is answered. */
  async bye(): Promise<void> {
    this.#order('bye');
    await this.step('ended');
  }

  /** A caller gives up before the answer; resolves with the 487. */
  async cancel(): Promise<void> {
    this.#order('cancel');
    await this.step('cancelled');
  }

  async hold(direction: Hold = 'sendonly'): Promise<void> {
    await (direction === '0.0.0.0' ? this.#reinvite('sendrecv', direction) : this.#reinvite(direction));
  }

  async resume(): Promise<void> {
    await this.#reinvite('sendrecv');
  }

  /** Ends the call whatever it has come to, if it is not over by itself in a moment. Never rejects. */
  async finish(): Promise<void> {
    const over = (): boolean => this.over || this.steps.length === 0;
    const soon = async (ms: number): Promise<boolean> => {
      return until('the end of the call', over, ms).catch(() => false);
    };
    if (await soon(this.has('answered') ? 150 : 0)) return;
    if (this.has('answered')) this.#order('bye');
    else if (this.has('invite')) this.#order('reject480');
    else this.#order('cancel');
    await soon(1500);
  }

  /** A key by SIP INFO; resolves when it is answered with 200. */
  async info(digit: string): Promise<void> {
    const before = this.#count('informed');
    this.#order('info', { digit });
    await until('the answer to INFO', () => this.#count('informed') > before);
  }

  /** REFER to `target` (user@host, with headers as the URI has them); resolves when it is accepted with 202. */
  async refer(target: string): Promise<void> {
    this.#order('refer', { target });
    await this.step('referred');
  }

  async #reinvite(direction: string, address = '127.0.0.1'): Promise<void> {
    const before = this.#count('reinvited');
    this.#order('reinvite', { direction, address });
    await until(
      'the answer to the re-INVITE',
      () => {
        if (this.over) throw new Error(`${this.callId} is over: ${this.#sipp().report()}`);
        return this.#count('reinvited') > before;
      },
      3000,
    );
  }

  #count(name: string): number {
    return this.steps.filter((step) => step.name === name).length;
  }

  #order(name: string, values: Readonly<Record<string, string>> = {}): void {
    this.#sipp().twin?.order(this.callId, name, values);
  }
}
