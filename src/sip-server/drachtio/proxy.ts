/** The `proxy` command: its words, and the start of a stateful proxy for the request (RFC 3261 section 16). */
import { SipParseError } from '../message/errors.ts';
import { maxForwards } from '../message/fields.ts';
import { withHeader } from '../message/headers.ts';
import type { Header, SipRequest } from '../message/types.ts';
import { canonicalName, parseAppMessage } from './app-message.ts';
import type { ControlClient } from './clients.ts';
import type { Context } from './context.ts';
import type { Incoming } from './incoming.ts';
import { ProxyJob } from './proxy-job.ts';
import type { ProxyReport } from './proxy-job.ts';
import { proxyResponseHead } from './wire.ts';

export interface ProxyCommand {
  readonly transaction: string;
  readonly remainInDialog: boolean;
  readonly fullResponse: boolean;
  readonly followRedirects: boolean;
  readonly simultaneous: boolean;
  /** ms; undefined: no limit of its own */
  readonly provisionalTimeout: number | undefined;
  readonly finalTimeout: number | undefined;
  readonly destinations: readonly string[];
  /** Set in the request that is passed on. */
  readonly headers: readonly Header[];
}

const MAX_DESTINATIONS = 32;
const FIRST_DESTINATION = 9;

/** Undefined where the words make no sense. Throws SipParseError for a message that is none. */
export function parseProxyCommand(tokens: readonly string[], message: Buffer): ProxyCommand | undefined {
  const [, , transaction = '', remain, full, follow, forking, provisional = '', final = ''] = tokens;
  const destinations = tokens.slice(FIRST_DESTINATION).filter((d) => d !== '');
  if (transaction === '' || destinations.length === 0 || destinations.length > MAX_DESTINATIONS) return undefined;
  return {
    transaction,
    remainInDialog: remain === 'remainInDialog',
    fullResponse: full === 'fullResponse',
    followRedirects: follow === 'followRedirects',
    simultaneous: forking === 'simultaneous',
    provisionalTimeout: milliseconds(provisional),
    finalTimeout: milliseconds(final),
    destinations: destinations.map((d) => (/^(sips?|tel):/i.test(d) ? d : `sip:${d}`)),
    headers: message.length === 0 ? [] : parseAppMessage(message).headers,
  };
}

/** `2s`, `1500ms`, or a number of ms. */
function milliseconds(text: string): number | undefined {
  const match = /^([0-9]{1,7})(ms|s)?$/.exec(text.trim());
  if (match === null || Number(match[1]) === 0) return undefined;
  return Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}

const NOT_SET = new Set(['via', 'route', 'record-route', 'content-length', 'call-id', 'cseq', 'from', 'to']);

/** The request with the application's headers set (or, where empty, taken out of it by nothing: they stay away). */
function withAppHeaders(request: SipRequest, headers: readonly Header[]): SipRequest {
  let changed = request;
  for (const { name, value } of headers) {
    if (NOT_SET.has(name.toLowerCase())) continue;
    changed = withHeader(changed, canonicalName(name) ?? name, value);
  }
  return changed;
}

/** Takes the request over from its application, which is told of each final response and of the end. */
export function startProxy(
  context: Context,
  client: ControlClient,
  id: string,
  incoming: Incoming,
  command: ProxyCommand,
): void {
  if (maxForwards(incoming.transaction.request) === 0) {
    incoming.handOver().reply(483);
    client.reply(id, 'NOK|Rejected with 483 Too Many Hops due to Max-Forwards value of 0');
    return;
  }
  const transaction = incoming.handOver();
  let request: SipRequest;
  try {
    request = withAppHeaders(transaction.request, command.headers);
  } catch (error) {
    transaction.reply(500);
    throw error instanceof SipParseError ? error : new Error('proxy', { cause: error });
  }
  const report: ProxyReport = {
    response(octets, flow, at) {
      if (command.fullResponse) client.send(proxyResponseHead(id, octets.length, flow, at), octets);
    },
    done: () => client.reply(id, 'OK|done'),
  };
  new ProxyJob(context, transaction, request, command, report).start();
}
