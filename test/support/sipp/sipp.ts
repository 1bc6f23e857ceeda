/** sipp processes: phones that register and take calls, and callers. Signalling is sipp's, the media is the test's. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, requireProgram } from '../process.ts';
import { until } from '../until.ts';
import { Steps } from './steps.ts';
import type { Step } from './steps.ts';
import { Twin } from './twin.ts';

export interface SippOptions {
  readonly name: string;
  readonly scenario: string;
  /** Where it sends: Earshot or a proxy before it. */
  readonly remotePort: number;
  readonly localPort: number;
  readonly transport?: 'udp' | 'tcp';
  /** Number of calls to be made, for callers. */
  readonly calls?: number;
  readonly user?: string;
  readonly password?: string;
  /** Steps of its calls; without it there is no control socket either. */
  readonly onStep?: (step: Step) => void;
}

/** A running sipp, with its control socket and its record of what it did not expect. */
export class Sipp {
  readonly child: Child;
  readonly twin: Twin | null;
  readonly #folder: string;
  readonly #steps: Steps | null;

  private constructor(child: Child, twin: Twin | null, folder: string, steps: Steps | null) {
    this.#steps = steps;
    this.child = child;
    this.twin = twin;
    this.#folder = folder;
  }

  static async start(options: SippOptions): Promise<Sipp> {
    const program = requireProgram('sipp');
    const folder = mkdtempSync(join(tmpdir(), 'earshot-sipp-'));
    writeFileSync(join(folder, 'scenario.xml'), options.scenario);
    const { onStep } = options;
    const twin =
      onStep === undefined ? null : await Twin.listen((callId) => onStep({ callId, name: 'aborted', message: '' }));
    const steps = onStep === undefined ? null : new Steps(join(folder, 'steps.log'), onStep);
    const child = new Child(
      `sipp ${options.name}`,
      program,
      [
        ...['-sf', 'scenario.xml', '-i', '127.0.0.1', '-p', String(options.localPort), '-nostdin'],
        ...['-t', options.transport === 'tcp' ? 't1' : 'u1', '-max_socket', '100', '-skip_rlimit'],
        // Orders from the test come late; retransmissions are recognised by their content, whatever came between.
        ...['-rtcheck', 'loose', '-timer_resol', '1', '-cid_str', `%u-%p-${options.name}@%s`],
        ...['-trace_err', '-error_file', 'errors.log', '-trace_msg', '-message_file', 'messages.log'],
        ...['-trace_logs', '-log_file', 'steps.log'],
        ...(twin === null ? [] : ['-3pcc', `127.0.0.1:${twin.port}`]),
        ...(options.calls === undefined ? [] : ['-m', String(options.calls)]),
        ...(options.user === undefined ? [] : ['-au', options.user, '-ap', options.password ?? '']),
        `127.0.0.1:${options.remotePort}`,
      ],
      { cwd: folder, env: { TERM: 'xterm' } },
    );
    const sipp = new Sipp(child, twin, folder, steps);
    if (twin !== null) {
      try {
        await until(`sipp ${options.name} to start`, () => twin.connected || !child.running);
        if (!child.running) throw new Error('it ended at once');
      } catch (error) {
        const report = sipp.report();
        await sipp.stop();
        throw new Error(`sipp ${options.name}: ${String(error)}\n${report}`);
      }
    }
    return sipp;
  }

  /** What sipp found wrong, in its own words. */
  errors(): string {
    return this.#read('errors.log');
  }

  /** Every SIP message sent and received, as sipp logged them. */
  messages(): string {
    return this.#read('messages.log');
  }

  report(): string {
    return `${this.errors()}\n${this.messages().slice(-6000)}\n${this.child.output.slice(-500)}`;
  }

  async stop(): Promise<void> {
    await this.child.stop('SIGKILL');
    this.#steps?.close();
    this.twin?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.#folder, name), 'latin1');
    } catch {
      return '';
    }
  }
}
