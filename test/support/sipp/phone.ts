/** A desk phone: sipp registers and takes calls, the test process speaks and listens. */
import type { G711 } from '../g711.ts';
import { freePort } from '../ports.ts';
import type { Person } from '../server.ts';
import { ToneEndpoint } from '../tone-endpoint.ts';
import { until } from '../until.ts';
import { SippCall } from './call.ts';
import { callerScenario, phoneScenario, registerScenario } from './scenario.ts';
import { Sipp } from './sipp.ts';
import type { Step } from './steps.ts';

export interface FarEndOptions {
  readonly name: string;
  readonly hz: number;
  /** Where its answers and requests go: Earshot or a proxy before it. */
  readonly sipPort: number;
  readonly port?: number;
  readonly codec?: G711;
  readonly transport?: 'udp' | 'tcp';
  /** Port that its REGISTER comes from, once it listens; default the one that it takes calls at, before it listens. */
  readonly registersFrom?: number;
  /** Answers at once where an auto-answer header is there; otherwise it waits to be picked up. */
  readonly answersByItself?: boolean;
}

export interface PhoneOptions extends FarEndOptions {
  readonly person: Person;
  readonly domain: string;
}

export class SippPhone {
  readonly name: string;
  readonly ear: ToneEndpoint;
  readonly calls: SippCall[] = [];
  readonly #options: FarEndOptions;
  readonly #account: { readonly person: Person; readonly domain: string } | null;
  readonly #port: number;
  #sipp: Sipp | null = null;
  #taken = 0;
  #closed = false;

  private constructor(
    options: FarEndOptions,
    account: { readonly person: Person; readonly domain: string } | null,
    ear: ToneEndpoint,
    port: number,
  ) {
    this.name = options.name;
    this.ear = ear;
    this.#options = options;
    this.#account = account;
    this.#port = port;
  }

  /** Registers; resolves when the phone waits for calls. */
  static register(options: PhoneOptions): Promise<SippPhone> {
    return SippPhone.#open(options, options);
  }

  /** A far end that is called without having registered: a telephone behind the trunk. */
  static listen(options: FarEndOptions): Promise<SippPhone> {
    return SippPhone.#open(options, null);
  }

  static async #open(
    options: FarEndOptions,
    account: { readonly person: Person; readonly domain: string } | null,
  ): Promise<SippPhone> {
    const ear = await ToneEndpoint.open(options.name, options.hz, options.codec ?? 'PCMU');
    const phone = new SippPhone(options, account, ear, options.port ?? (await freePort()));
    try {
      // One sipp registers, another takes calls. From one port they can only do so one after the other, with a moment between
      // them at which nobody listens; from two the phone listens before it registers.
      const first = options.registersFrom === undefined;
      if (first) await phone.#register(600);
      phone.#sipp = await Sipp.start({
        name: options.name,
        scenario: phoneScenario({ port: ear.port, codecs: [ear.codec] }, options.answersByItself ?? false),
        remotePort: options.sipPort,
        localPort: phone.#port,
        transport: options.transport ?? 'udp',
        onStep: (step) => phone.#take(step),
      });
      if (!first) await phone.#register(600);
    } catch (error) {
      await phone.kill();
      throw error;
    }
    return phone;
  }

  get port(): number {
    return this.#port;
  }

  /** The next call that rings here and was not handed out yet. */
  async nextCall(limitMs = 8000): Promise<SippCall> {
    const call = await until(`a call at ${this.name}`, () => this.calls[this.#taken], limitMs);
    this.#taken += 1;
    return call;
  }

  /** Everything sipp found wrong. */
  faults(): string {
    const aborted = this.calls.filter((call) => call.has('aborted'));
    return aborted.length === 0 ? '' : `${this.name} met an unexpected message:\n${this.#sipp?.errors() ?? ''}`;
  }

  report(): string {
    return this.#sipp?.report() ?? '';
  }

  /** Every SIP message this phone sent and received. */
  messages(): string {
    return this.#sipp?.messages() ?? '';
  }

  /** Hangs up, unregisters and ends. Throws if sipp met a message that its scenario does not expect. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.calls) await call.finish();
    const faults = this.faults();
    await this.#sipp?.stop();
    this.ear.close();
    if (faults !== '') throw new Error(faults);
    await this.#register(0);
  }

  /** The phone is unplugged: no BYE, no unregistering. */
  async kill(): Promise<void> {
    this.#closed = true;
    await this.#sipp?.stop();
    this.ear.close();
  }

  async #register(expires: number): Promise<void> {
    if (this.#account === null) return;
    const { person, domain } = this.#account;
    const sipp = await Sipp.start({
      name: `${this.name}-register`,
      scenario: registerScenario(domain, person.extension, person.password, this.#port, expires),
      remotePort: this.#options.sipPort,
      localPort: this.#options.registersFrom ?? this.#port,
      transport: this.#options.transport ?? 'udp',
      calls: 1,
    });
    const timer = setTimeout(() => sipp.child.killNow(), 3000);
    const exit = await sipp.child.exited;
    clearTimeout(timer);
    const report = exit.code === 0 ? '' : sipp.report();
    await sipp.stop();
    if (exit.code !== 0) throw new Error(`${this.name} could not register (status ${exit.code}):\n${report}`);
  }

  #take(step: Step): void {
    let call = this.calls.find((candidate) => candidate.callId === step.callId);
    if (call === undefined) {
      call = new SippCall(this.ear, () => this.#sipp!);
      this.calls.push(call);
    }
    call.take(step);
  }
}

export interface CallOptions {
  readonly name: string;
  readonly hz: number;
  readonly domain: string;
  readonly sipPort: number;
  /** Number or extension called, and that of the caller. */
  readonly to: string;
  readonly from: string;
  readonly password?: string;
  readonly codec?: G711;
  /** Codecs offered; default the one that is sent. */
  readonly offer?: readonly G711[];
  /** No SDP in the INVITE, but in the ACK. */
  readonly lateOffer?: boolean;
  readonly port?: number;
  readonly transport?: 'udp' | 'tcp';
}

/** A caller and its one call: a customer behind the trunk, or a user who calls from a phone. */
export class SippCaller {
  readonly name: string;
  readonly ear: ToneEndpoint;
  readonly call: SippCall;
  readonly #sipp: Sipp;
  #closed = false;

  private constructor(name: string, ear: ToneEndpoint, call: SippCall, sipp: Sipp) {
    this.name = name;
    this.ear = ear;
    this.call = call;
    this.#sipp = sipp;
  }

  /** Sends the INVITE; resolves once sipp runs, before any answer. */
  static async dial(options: CallOptions): Promise<SippCaller> {
    const ear = await ToneEndpoint.open(options.name, options.hz, options.codec ?? 'PCMU');
    let sipp: Sipp | null = null;
    const call = new SippCall(ear, () => sipp!);
    try {
      sipp = await Sipp.start({
        name: options.name,
        scenario: callerScenario({
          media: { port: ear.port, codecs: options.offer ?? [ear.codec] },
          domain: options.domain,
          from: options.from,
          name: options.name,
          to: options.to,
          lateOffer: options.lateOffer ?? false,
          ...(options.password === undefined ? {} : { password: options.password }),
        }),
        remotePort: options.sipPort,
        localPort: options.port ?? (await freePort()),
        transport: options.transport ?? 'udp',
        calls: 1,
        ...(options.password === undefined ? {} : { user: options.from, password: options.password }),
        onStep: (step) => call.take(step),
      });
    } catch (error) {
      ear.close();
      throw error;
    }
    return new SippCaller(options.name, ear, call, sipp);
  }

  report(): string {
    return this.#sipp.report();
  }

  messages(): string {
    return this.#sipp.messages();
  }

  /** Hangs up and ends. Throws if it met a message that its scenario does not expect. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.call.finish();
    const faults = this.call.has('aborted') ? `${this.name} met an unexpected message:\n${this.#sipp.errors()}` : '';
    await this.#sipp.stop();
    this.ear.close();
    if (faults !== '') throw new Error(faults);
  }
}
