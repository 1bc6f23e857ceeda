/** `earshot sip-server`: the embedded SIP server alone, for any drachtio-srf application. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startSipServer } from '../sip-server/index.ts';
import type { SipServerOptions } from '../sip-server/index.ts';

/** What is wrong with the command line; exit status 2. */
export class ArgumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ArgumentError';
  }
}

export interface SipServerArguments {
  readonly listen: readonly string[];
  readonly control: { readonly host: string; readonly port: number };
  readonly secret: string;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly external: string | undefined;
  readonly verbose: boolean;
}

/** Throws ArgumentError, in one line. */
export function parseSipServerArguments(argv: readonly string[]): SipServerArguments {
  const { values } = parse(argv);
  const listen = values.listen ?? [];
  if (listen.length === 0) throw new ArgumentError('--listen: at least one address, e.g. udp://127.0.0.1:5060');
  for (const address of listen) {
    if (!/^(udp|tcp|tls|ws|wss):\/\/(\[[0-9a-f:.]+\]|[^[\]:/]+)(:[0-9]{1,5})?\/?$/i.test(address)) {
      throw new ArgumentError(`--listen ${address}: expected udp|tcp|tls|ws|wss://HOST:PORT`);
    }
  }
  const secret = values.secret ?? '';
  if (secret === '') throw new ArgumentError('--secret: must be given');
  if (secret.includes('|')) throw new ArgumentError('--secret: must not contain |');
  const cert = values['tls-cert'];
  const key = values['tls-key'];
  if ((cert === undefined) !== (key === undefined)) throw new ArgumentError('--tls-cert and --tls-key: both or none');
  if (cert === undefined && listen.some((a) => /^(tls|wss):/i.test(a))) {
    throw new ArgumentError('--listen tls or wss: needs --tls-cert and --tls-key');
  }
  return {
    listen,
    control: controlAddress(values.control ?? ''),
    secret,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    external: values.external,
    verbose: values.verbose === true,
  };
}

function parse(argv: readonly string[]): ReturnType<typeof parseArgs<typeof OPTIONS>> {
  try {
    return parseArgs({ ...OPTIONS, args: [...argv] });
  } catch (error) {
    throw new ArgumentError(error instanceof Error ? error.message.split('\n')[0]! : String(error));
  }
}

const OPTIONS = {
  strict: true,
  allowPositionals: false,
  options: {
    listen: { type: 'string', multiple: true },
    control: { type: 'string' },
    secret: { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    external: { type: 'string' },
    verbose: { type: 'boolean' },
  },
} as const;

function controlAddress(text: string): { host: string; port: number } {
  const match = /^(\[[0-9a-f:.]+\]|[^[\]:/]+):([0-9]{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) throw new ArgumentError(`--control ${text}: expected HOST:PORT`);
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}

/** Runs until SIGTERM or SIGINT; the exit status: 0, or 2 with one line for bad arguments or an address not to be had. */
export async function runSipServer(argv: string[]): Promise<number> {
  try {
    const server = await startSipServer(await options(parseSipServerArguments(argv)));
    const { control } = server;
    process.stdout.write(
      `sip-server ready: ${server.listen.join(' ')}, control ${control.host.includes(':') ? `[${control.host}]` : control.host}:${control.port}\n`,
    );
    await new Promise<void>((resolve) => {
      process.once('SIGTERM', resolve);
      process.once('SIGINT', resolve);
    });
    await server.close();
    return 0;
  } catch (error) {
    process.stderr.write(`sip-server: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

async function options(given: SipServerArguments): Promise<SipServerOptions> {
  const { listen, control, secret, tls, external, verbose } = given;
  return {
    listen,
    control,
    secret,
    ...(tls === undefined ? {} : { tls: { cert: await pem(tls.cert), key: await pem(tls.key) } }),
    ...(external === undefined ? {} : { externalAddress: external }),
    log(level, message) {
      if (verbose || level === 'warn' || level === 'error') process.stderr.write(`${level}: ${message}\n`);
    },
  };
}

async function pem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ArgumentError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
