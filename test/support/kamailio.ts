/**
 * Debian's kamailio before Earshot, as a provider's edge: a record-routing proxy for what comes from outside. Every
 * request inside a dialog must find its way through it by the route set alone (RFC 3261 section 12.2).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, isFree } from './ports.ts';
import { Child, requireProgram } from './process.ts';
import { until } from './until.ts';

export class Kamailio {
  readonly port: number;
  readonly #child: Child;
  readonly #folder: string;

  private constructor(child: Child, port: number, folder: string) {
    this.#child = child;
    this.port = port;
    this.#folder = folder;
  }

  /**
   * Starts it; what comes from anywhere but `target` goes to `target` (a port on 127.0.0.1). `lenient`: also requests
   * inside a dialog that have no route, for sipp's own callee does not copy the Record-Route.
   */
  static async start(target: number, lenient = false): Promise<Kamailio> {
    const program = requireProgram('kamailio');
    const folder = mkdtempSync(join(tmpdir(), 'earshot-kamailio-'));
    const port = await freePort();
    writeFileSync(join(folder, 'kamailio.cfg'), configuration(port, target, lenient));
    const child = new Child('kamailio', program, [
      ...['-f', join(folder, 'kamailio.cfg'), '-DD', '-E', '-n', '1', '-m', '16', '-M', '2'],
      ...['-Y', folder, '-w', folder, '-P', join(folder, 'pid')],
    ]);
    const kamailio = new Kamailio(child, port, folder);
    try {
      await until('kamailio', async () => {
        if (!child.running) throw new Error('it has ended');
        return !(await isFree(port));
      });
    } catch (error) {
      await kamailio.close();
      throw new Error(`kamailio did not start: ${String(error)}\n${child.output}`);
    }
    return kamailio;
  }

  get output(): string {
    return this.#child.output;
  }

  async close(): Promise<void> {
    await this.#child.stop('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(port: number, target: number, lenient: boolean): string {
  return `#!KAMAILIO
debug=1
log_stderror=yes
auto_aliases=no
listen=udp:127.0.0.1:${port}
disable_tcp=yes
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"

request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    ${lenient ? 't_relay(); exit;' : ''}
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  t_check_trans();
  if (is_method("INVITE|SUBSCRIBE")) record_route();
  if ($sp == ${target}) { t_relay(); exit; }
  $du = "sip:127.0.0.1:${target}";
  t_relay();
}
`;
}
