/** One call of the softphone: who, since when, muted or not, and its sound. */
import type { RTCSession } from 'jssip/lib/RTCSession.js';

/** ringing -> connecting -> up -> ended; each may end. */
export type PhoneCallState = 'ringing' | 'connecting' | 'up' | 'ended';

/** Candidates that come later than this are not waited for, ms: the server's are in its answer (ICE lite). */
const GATHER_MS = 500;

export class PhoneCall {
  readonly name: string;
  readonly #session: RTCSession;
  readonly #iceServers: readonly RTCIceServer[];
  readonly #onChange: () => void;
  readonly #audio = document.createElement('audio');
  #state: PhoneCallState = 'ringing';
  #muted = false;

  constructor(session: RTCSession, iceServers: readonly RTCIceServer[], onChange: () => void) {
    this.#session = session;
    this.#iceServers = iceServers;
    this.#onChange = onChange;
    const { display_name: shown, uri } = session.remote_identity as { display_name?: string; uri: { user?: string } };
    this.name = shown !== undefined && shown !== '' ? shown : (uri.user ?? '');
    this.#audio.autoplay = true;
    session.on('peerconnection', ({ peerconnection }) => this.#listen(peerconnection));
    session.on('icecandidate', ({ ready }) => void setTimeout(ready, GATHER_MS));
    session.on('confirmed', () => this.#go('up'));
    session.on('ended', () => this.#end());
    session.on('failed', () => this.#end());
  }

  get state(): PhoneCallState {
    return this.#state;
  }

  get muted(): boolean {
    return this.#muted;
  }

  answer(): void {
    if (this.#state !== 'ringing') return;
    this.#go('connecting');
    this.#session.answer({
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: [...this.#iceServers] },
    });
  }

  /** Hangs up, or declines while it rings. Idempotent. */
  hangUp(): void {
    if (this.#state === 'ended') return;
    const declined = this.#state === 'ringing';
    this.#end();
    try {
      this.#session.terminate(declined ? { status_code: 603, reason_phrase: 'Decline' } : {});
    } catch {
      // It has ended on its own in the meantime.
    }
  }

  toggleMute(): void {
    this.#muted = !this.#muted;
    if (this.#muted) this.#session.mute({ audio: true });
    else this.#session.unmute({ audio: true });
    this.#onChange();
  }

  /** RFC 4733. */
  press(key: string): void {
    const sender = this.#session.connection.getSenders().find((each) => each.dtmf !== null);
    sender?.dtmf?.insertDTMF(key, 120);
  }

  #listen(connection: RTCPeerConnection): void {
    connection.addEventListener('track', ({ track, streams }) => {
      this.#audio.srcObject = streams[0] ?? new MediaStream([track]);
      this.#audio.play().catch(() => undefined); // Without a click first some browsers refuse; answering is one.
    });
  }

  #end(): void {
    if (this.#state === 'ended') return;
    this.#audio.srcObject = null;
    this.#go('ended');
  }

  #go(state: PhoneCallState): void {
    if (this.#state === 'ended') return;
    this.#state = state;
    this.#onChange();
  }
}
