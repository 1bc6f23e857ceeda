/**
 * A real drachtio-server and a real FreeSWITCH in the place of what comes with Earshot, where the environment names them.
 * The same suites run over both.
 */
import Srf from 'drachtio-srf';

export interface Peer {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

const VARIABLES = { drachtio: 'EARSHOT_TEST_DRACHTIO', freeswitch: 'EARSHOT_TEST_FREESWITCH' } as const;

/** null: the embedded SIP server is tested. */
export const realDrachtio = read(VARIABLES.drachtio);
/** null: the embedded media engine is tested. */
export const realFreeSwitch = read(VARIABLES.freeswitch);

/** One line on what a run leaves untested, and how to change that; null: nothing. */
export function notTested(): string | null {
  const missing = [
    ...(realDrachtio === null ? [[`a real drachtio-server`, VARIABLES.drachtio]] : []),
    ...(realFreeSwitch === null ? [[`a real FreeSWITCH`, VARIABLES.freeswitch]] : []),
  ];
  if (missing.length === 0) return null;
  const what = missing.map(([name]) => name).join(' and ');
  const how = missing.map(([, variable]) => `${String(variable)}=host:port:secret`).join(' ');
  return `not tested: ${what}; to test with them: ${how} npm test (docs/testing.md)`;
}

/** Ports at which a drachtio-server listens on loopback, by transport: the first of each. */
export async function sipPorts(peer: Peer): Promise<Readonly<Record<string, number>>> {
  const srf = new Srf();
  const hostports = await new Promise<string>((resolve, reject) => {
    srf.on('connect', (error: Error | null, text: string) => {
      if (error === null) resolve(text);
      else reject(error);
    });
    srf.on('error', reject);
    void srf.connect({ ...peer });
  });
  srf.disconnect();
  const ports: Record<string, number> = {};
  for (const each of hostports.split(',')) {
    const [, transport, port] = /^(\w+)\/.*:(\d+)$/.exec(each) ?? [];
    if (transport !== undefined) ports[transport] ??= Number(port);
  }
  return ports;
}

function read(variable: string): Peer | null {
  const text = process.env[variable];
  if (text === undefined || text === '') return null;
  const [, host, port, secret] = /^([^:]+):(\d+):(.+)$/.exec(text) ?? [];
  if (host === undefined || secret === undefined)
    throw new Error(`${variable}: host:port:secret is wanted, not ${text}`);
  return { host, port: Number(port), secret };
}
