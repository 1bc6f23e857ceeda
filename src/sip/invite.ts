/** An INVITE from outside any dialog: its form, whose it is, and then on to the controller. */
import type { IncomingCall } from '../control/ports.ts';
import type { Gate } from './auth.ts';
import { sessionDescription } from './body.ts';
import { reply, type SipContext } from './context.ts';
import { callerFromTrunk, claimOf, type Directory } from './identify.ts';
import { SipIncomingCall, type IncomingFacts } from './incoming.ts';
import { parseReplaces } from './refer.ts';
import type { SrfApp, SrfRequest, SrfResponse } from './srf.ts';
import { errorText } from './srf.ts';
import type { Trunks } from './trunks.ts';
import { parseNameAddr, parseUri, splitOutside } from './uri.ts';

const UNDERSTOOD = new Set(['100rel', 'replaces', 'timer', 'norefersub']);

export interface InviteOptions {
  readonly context: SipContext;
  readonly directory: Directory;
  readonly trunks: Trunks;
  readonly gate: Gate;
  readonly draining: () => boolean;
  readonly onCall: (call: IncomingCall) => void;
}

export function handleInvite(options: InviteOptions, srf: SrfApp, request: SrfRequest, response: SrfResponse): void {
  const { log } = options.context;
  if (options.draining()) {
    reply(log, response, 503, null, { headers: { 'Retry-After': '10' } });
    return;
  }
  const from = parseNameAddr(request.get('From') ?? '');
  const contact = parseNameAddr(splitOutside(request.get('Contact') ?? '', ',')[0] ?? '');
  const dialled = parseUri(request.uri);
  const remoteTag = from?.params.get('tag') ?? '';
  if (!from?.uri || remoteTag === '' || !contact?.uri || dialled === null) {
    reply(log, response, 400);
    return;
  }
  const identity = identify(options, request, response, from.uri.user);
  if (identity === null) return;
  const facts = acceptable(options, request, response);
  if (facts === null) return;
  const call = new SipIncomingCall(options.context, srf, request, response, {
    ...identity,
    ...facts,
    dialled: dialled.user,
  });
  try {
    options.onCall(call);
  } catch (error) {
    log('error', `call refused by a fault: ${errorText(error)}`);
    call.reject(500, 'Server Internal Error');
  }
}

/** Whose request it is; null where it has been answered with a challenge or a refusal. */
function identify(
  options: InviteOptions,
  request: SrfRequest,
  response: SrfResponse,
  fromUser: string,
): Pick<IncomingFacts, 'source' | 'from'> | null {
  const { context, directory, trunks, gate } = options;
  const claim = claimOf(fromUser, request.source_address, directory, trunks);
  if (claim.kind === 'stranger') {
    context.log('warn', `INVITE from ${request.source_address}, which is no trunk, refused`);
    reply(context.log, response, 403);
    return null;
  }
  if (claim.kind === 'trunk') {
    const asserted = splitOutside(request.get('P-Asserted-Identity') ?? '', ',')[0];
    const from = callerFromTrunk(request.get('From') ?? '', asserted, directory);
    return { source: { kind: 'trunk', trunkId: claim.trunkId }, from };
  }
  const proved = gate.prove(request, response, 'proxy');
  if (proved === null) return null;
  if (proved.id !== claim.user.id) {
    gate.failed(request, response);
    return null;
  }
  return { source: { kind: 'user', userId: proved.id }, from: { number: proved.extension, name: proved.name } };
}

/** What the INVITE asks of us; null where that cannot be had and has been refused (sections 8.2.2.3, 8.2.3). */
function acceptable(
  options: InviteOptions,
  request: SrfRequest,
  response: SrfResponse,
): Pick<IncomingFacts, 'offer' | 'replaces' | 'reliable'> | null {
  const { log } = options.context;
  const required = (request.get('Require') ?? '')
    .split(',')
    .map((tag) => tag.trim().toLowerCase())
    .filter((tag) => tag !== '');
  const unsupported = required.filter((tag) => !UNDERSTOOD.has(tag));
  if (unsupported.length > 0) {
    reply(log, response, 420, null, { headers: { Unsupported: unsupported.join(', ') } });
    return null;
  }
  const description = sessionDescription(request);
  if (description === 'unsupported') {
    reply(log, response, 415, null, { headers: { Accept: 'application/sdp' } });
    return null;
  }
  const wanted = request.get('Replaces');
  const replaces = wanted === undefined ? null : parseReplaces(wanted);
  if (wanted !== undefined && replaces === null) {
    reply(log, response, 400, 'Bad Replaces');
    return null;
  }
  return { offer: description.sdp, replaces, reliable: required.includes('100rel') };
}
