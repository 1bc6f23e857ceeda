/** The stable codes of every refusal (api.md). Mapped to HTTP and SIP status at the edges alone. */
export type ErrorCode =
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'invalid_request'
  | 'agent_supervised'
  | 'supervisor_busy'
  | 'own_call'
  | 'not_available'
  | 'call_not_monitorable'
  | 'choose_target'
  | 'whisper_to_customer'
  | 'paused'
  | 'agent_consulting'
  | 'barged'
  | 'no_phone'
  | 'not_assignable'
  | 'not_transferable'
  | 'supervision_open'
  | 'capacity_exceeded'
  | 'conflict'
  | 'media_unavailable'
  | 'too_many_requests';

/** A refusal: a stable code, a sentence that tells the person what to do, and fields that help (holder, choices). */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(code: ErrorCode, detail: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.name = 'Refusal';
    this.code = code;
    this.fields = fields;
  }
}
