/**
 * One request passed on (RFC 3261 section 16): branches in parallel or in turn, the best response chosen (16.7), CANCEL,
 * timer C, Record-Route and Path. Stays in force without the application that started it.
 */
import { tagIn } from '../dialog/dialog.ts';
import { SipParseError } from '../message/errors.ts';
import { maxForwards, parseContacts, parseNameAddr } from '../message/fields.ts';
import { header, headerValues, prependHeader, withHeader, withoutFirstValue } from '../message/headers.ts';
import type { SipRequest, SipResponse } from '../message/types.ts';
import { formatUri, parseUri } from '../message/uri.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Flow } from '../transport/types.ts';
import { cdr } from './context.ts';
import type { Context } from './context.ts';
import { transportParam } from './network.ts';
import { LocateError } from './network.ts';
import { ProxyBranch } from './proxy-branch.ts';

export interface ProxyOptions {
  readonly remainInDialog: boolean;
  readonly followRedirects: boolean;
  readonly simultaneous: boolean;
  readonly provisionalTimeout: number | undefined;
  readonly finalTimeout: number | undefined;
  /** Where to; none: where the request itself says (within a dialog). */
  readonly destinations: readonly string[];
}

export interface ProxyReport {
  /** A final response of a branch. */
  response(octets: Buffer, flow: Flow, at: number): void;
  /** The request has its final response. */
  done(): void;
}

export const SILENT: ProxyReport = { response: () => undefined, done: () => undefined };

const MAX_BRANCHES = 64;

export class ProxyJob {
  readonly #context: Context;
  readonly #upstream: ServerTransaction;
  readonly #request: SipRequest;
  readonly #options: ProxyOptions;
  readonly #report: ProxyReport;
  readonly #targets: string[];
  readonly #tried = new Set<string>();
  readonly #branches = new Set<ProxyBranch>();
  readonly #finals: SipResponse[] = [];
  #stopped = false;
  #finished = false;

  constructor(
    context: Context,
    upstream: ServerTransaction,
    request: SipRequest,
    options: ProxyOptions,
    report: ProxyReport,
  ) {
    this.#context = context;
    this.#upstream = upstream;
    this.#request = withoutOwnRoutes(context, request);
    this.#options = options;
    this.#report = report;
    this.#targets = options.destinations.length === 0 ? [nextHopOf(this.#request)] : [...options.destinations];
    upstream.user = {
      cancel: () => this.#cancel(),
      failed: () => this.#cancel(),
      // the ACK of a 2xx with the branch of its INVITE goes the way of its request
      ack: (ack, received) => forwardAck(context, ack, received.flow),
    };
  }

  start(): void {
    if (this.#options.simultaneous) for (const target of this.#targets.splice(0)) this.#try(target);
    else this.#tryNext();
  }

  #tryNext(): void {
    const target = this.#targets.shift();
    if (target === undefined) this.#settle();
    else this.#try(target);
  }

  #try(target: string): void {
    if (this.#stopped || this.#tried.has(target) || this.#tried.size >= MAX_BRANCHES) {
      this.#settle();
      return;
    }
    this.#tried.add(target);
    const branch = new ProxyBranch(this.#context, this.#options, {
      provisional: (response) => this.#provisional(response),
      final: (response, octets, flow) => this.#final(branch, response, octets, flow),
      gaveUp: (status) => this.#gaveUp(branch, status),
    });
    this.#branches.add(branch);
    this.#context.network.locate(target, (result) => {
      if (result instanceof LocateError) branch.fail(result.fault === 'dns' ? 503 : 500);
      else if (!branch.over) branch.send(this.#forwarded(target, result), result);
    });
  }

  /** 16.6: the copy for one branch. */
  #forwarded(target: string, flow: Flow): SipRequest {
    const { network } = this.#context;
    let request = this.#request;
    // only a request to ourselves gets another URI; any other is just sent that way
    const replaced = this.#options.destinations.length > 0 && isOwnUri(this.#context, request.uri);
    if (replaced) request = { ...request, uri: target };
    request = withHeader(request, 'Max-Forwards', String((maxForwards(request) ?? 71) - 1));
    if (this.#options.remainInDialog) request = this.#stayIn(request, flow);
    return prependHeader(request, 'Via', network.via(flow));
  }

  /** 16.6 step 4 and RFC 5658 (two where the transports differ); RFC 3327 for REGISTER. */
  #stayIn(request: SipRequest, flow: Flow): SipRequest {
    const { network } = this.#context;
    const value = (via: Flow): string => `<sip:${network.hostPort(via)}${transportParam(via)};lr>`;
    const name = request.method === 'REGISTER' ? 'Path' : 'Record-Route';
    const inside = value(this.#upstream.flow);
    const outside = value(flow);
    const first = inside === outside ? request : prependHeader(request, name, inside);
    return prependHeader(first, name, outside);
  }

  #provisional(response: SipResponse): void {
    if (this.#upstream.answered || response.status === 100) return;
    this.#remember(response);
    this.#upstream.respond(withoutFirstValue(response, 'Via'));
  }

  #final(branch: ProxyBranch, response: SipResponse, octets: Buffer, flow: Flow): void {
    const first = this.#branches.delete(branch);
    if (first) this.#report.response(octets, flow, this.#context.clock.now());
    if (response.status < 300) {
      this.#success(response);
      return;
    }
    if (!first) return;
    const redirected = response.status < 400 && this.#options.followRedirects ? contactsOf(response) : [];
    if (redirected.length > 0) this.#targets.unshift(...redirected);
    else this.#finals.push(response);
    if (response.status >= 600) this.#stop();
    this.#proceed();
  }

  /** A branch without a final response: its time is up, or the way is barred. */
  #gaveUp(branch: ProxyBranch, status: number): void {
    if (!this.#branches.delete(branch)) return;
    if (this.#upstream.answered) return;
    this.#finals.push(branch.local(this.#upstream.request, status));
    this.#proceed();
  }

  #proceed(): void {
    if (this.#stopped || this.#targets.length === 0) this.#settle();
    else if (this.#options.simultaneous) for (const target of this.#targets.splice(0)) this.#try(target);
    else if (this.#branches.size === 0) this.#tryNext();
  }

  /** 16.7 step 5: every 2xx to an INVITE goes up at once, and ends the search (step 10). */
  #success(response: SipResponse): void {
    this.#remember(response);
    const first = !this.#upstream.answered;
    this.#upstream.respond(withoutFirstValue(response, 'Via'));
    if (!first) return;
    if (response.status < 300 && this.#request.method === 'INVITE') {
      cdr(this.#context, 'network', response, { kind: 'start', role: 'proxy-uas' });
    }
    this.#stop();
    this.#end();
  }

  #stop(): void {
    this.#stopped = true;
    this.#targets.length = 0;
    for (const branch of this.#branches) branch.cancel();
  }

  #cancel(): void {
    this.#stop();
    this.#settle();
  }

  /** 16.7 step 6: nobody is left to wait for. */
  #settle(): void {
    if (this.#branches.size > 0 || this.#targets.length > 0) return;
    if (!this.#upstream.answered) {
      const best = bestOf(this.#finals);
      if (best === undefined) this.#upstream.reply(this.#stopped ? 487 : 480);
      else if (best.status === 503) this.#upstream.reply(500);
      else this.#upstream.respond(withoutFirstValue(withChallenges(best, this.#finals), 'Via'));
      if (this.#request.method === 'INVITE') {
        const reason = this.#stopped ? 'call-canceled' : 'call-rejected';
        cdr(this.#context, 'network', this.#request, { kind: 'stop', reason });
      }
    }
    this.#end();
  }

  #end(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#report.done();
  }

  /** A dialog that we stay in: its requests may pass. */
  #remember(response: SipResponse): void {
    if (!this.#options.remainInDialog || response.status === 100 || response.status >= 300) return;
    const from = tagIn(this.#request, 'from');
    const to = tagIn(response, 'to');
    if (from === undefined || to === undefined) return;
    this.#context.proxied.add(header(this.#request, 'call-id') ?? '', from, to);
  }
}

/** 16.7 step 6: any 6xx; else of the lowest class, with those first that tell the caller how to try again. */
function bestOf(finals: readonly SipResponse[]): SipResponse | undefined {
  const helpful = new Set([401, 407, 415, 420, 484]);
  const rank = (r: SipResponse): number => {
    if (r.status >= 600) return 0;
    return Math.floor(r.status / 100) * 10 + (helpful.has(r.status) ? 0 : r.status === 408 ? 2 : 1);
  };
  return [...finals].sort((a, b) => rank(a) - rank(b))[0];
}

/** 16.7 step 7: the challenges of all branches go up together. */
function withChallenges(best: SipResponse, finals: readonly SipResponse[]): SipResponse {
  if (best.status !== 401 && best.status !== 407) return best;
  let response = best;
  for (const name of ['WWW-Authenticate', 'Proxy-Authenticate']) {
    const all = finals
      .filter((f) => f.status === 401 || f.status === 407)
      .flatMap((f) => f.headers.filter((h) => h.name.toLowerCase() === name.toLowerCase()).map((h) => h.value));
    if (all.length > 0) response = withHeader(response, name, all);
  }
  return response;
}

function contactsOf(response: SipResponse): string[] {
  try {
    const contacts = parseContacts(response);
    return contacts === '*' ? [] : contacts.map((c) => formatUri(c.uri));
  } catch (error) {
    if (error instanceof SipParseError) return [];
    throw error;
  }
}

function isOwnUri(context: Context, text: string): boolean {
  try {
    return context.network.isOurs(parseUri(text));
  } catch (error) {
    if (error instanceof SipParseError) return false;
    throw error;
  }
}

/** 16.4: Routes that name us have done their work. */
export function withoutOwnRoutes(context: Context, request: SipRequest): SipRequest {
  let left = request;
  for (;;) {
    const first = headerValues(left, 'route')[0];
    if (first === undefined || !isOwnRoute(context, first)) return left;
    left = withoutFirstValue(left, 'Route');
  }
}

export function isOwnRoute(context: Context, value: string): boolean {
  try {
    return context.network.isOurs(parseNameAddr(value).uri);
  } catch (error) {
    if (error instanceof SipParseError) return false;
    throw error;
  }
}

function nextHopOf(request: SipRequest): string {
  const route = headerValues(request, 'route')[0];
  if (route === undefined) return request.uri;
  try {
    return formatUri(parseNameAddr(route).uri);
  } catch (error) {
    if (error instanceof SipParseError) return request.uri;
    throw error;
  }
}

/** An ACK within a dialog that we stay in: passed on without state (16.11). */
export function forwardAck(context: Context, ack: SipRequest, from: Flow): void {
  const hops = maxForwards(ack) ?? 70;
  if (hops === 0) return;
  const request = withHeader(withoutOwnRoutes(context, ack), 'Max-Forwards', String(hops - 1));
  context.network.locate(nextHopOf(request), (result) => {
    if (result instanceof LocateError) {
      context.log('debug', `ACK from ${from.remote.host} not passed on: ${result.message}`);
      return;
    }
    const passed = prependHeader(request, 'Via', context.network.via(result));
    context.send(context.encode(passed), result).catch(() => undefined);
  });
}
