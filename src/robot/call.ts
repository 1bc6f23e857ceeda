/**
 * One call of a robot, placed or taken.
 *
 *   ringing -> up -> ended        ringing -> ended where nothing comes of it
 */
import { errorText, type SrfApp, type SrfDialog, type SrfRequest, type SrfResponse } from '../sip/srf.ts';
import type { PilotEar } from './pilot.ts';
import { RobotAudio } from './rtp.ts';
import { answerDirection, readSdp, writeSdp, type Codec, type Direction, type RemoteMedia } from './sdp.ts';
import type { Voice } from './voice.ts';

const MAX_RECORDING = 50 * 600; // frames: ten minutes

export interface CallMedia {
  readonly srf: SrfApp;
  readonly address: string;
  readonly codecs: readonly Codec[];
  readonly voice: Voice;
  readonly ear: PilotEar;
}

export class RobotCall {
  readonly #media: CallMedia;
  readonly #recording: Int16Array[] = [];
  #audio: RobotAudio | null = null;
  #state: 'ringing' | 'up' | 'ended' = 'ringing';
  #dialog: SrfDialog | null = null;
  #held = false;
  #version = 0;
  #end: (reason: string) => void = () => undefined;
  /** Resolves with the reason when the call is over. */
  readonly ended: Promise<string>;

  private constructor(media: CallMedia) {
    this.#media = media;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  static async open(media: CallMedia): Promise<RobotCall> {
    const call = new RobotCall(media);
    call.#audio = await RobotAudio.open(media.address, {
      source: () => media.voice.frame(),
      onFrame: (frame) => call.#hear(frame),
    });
    return call;
  }

  get state(): 'ringing' | 'up' | 'ended' {
    return this.#state;
  }

  /** RTP packets so far. */
  get packets(): { readonly sent: number; readonly received: number; readonly lost: number } {
    return { sent: this.#audio?.sent ?? 0, received: this.#audio?.received ?? 0, lost: this.#audio?.lost ?? 0 };
  }

  /** What was received, frame after frame as it came. */
  recording(): Int16Array {
    const pcm = new Int16Array(this.#recording.reduce((sum, frame) => sum + frame.length, 0));
    let at = 0;
    for (const frame of this.#recording) {
      pcm.set(frame, at);
      at += frame.length;
    }
    return pcm;
  }

  offer(direction: Direction = 'sendrecv'): string {
    const { address, codecs } = this.#media;
    return writeSdp({ address, port: this.#audio?.port ?? 0, codecs, direction, version: ++this.#version });
  }

  /** Our answer to an offer; null where it has no audio that we know. */
  answerTo(sdp: string): string | null {
    const remote = readSdp(sdp, this.#media.codecs);
    if (remote === null) return null;
    const direction = answerDirection(remote.direction, this.#held);
    this.#direct(remote, direction);
    const { address } = this.#media;
    const port = this.#audio?.port ?? 0;
    return writeSdp({ address, port, codecs: [remote.codec], direction, version: ++this.#version });
  }

  /** The dialog stands. `remoteSdp` is the answer to our offer, where we made it. */
  connected(dialog: SrfDialog, remoteSdp: string | null): void {
    this.#dialog = dialog;
    if (this.#state === 'ended') {
      this.#bye();
      return;
    }
    this.#state = 'up';
    dialog.on('destroy', (_bye, reason) => this.finish(reason ?? 'hung up by the other side'));
    dialog.on('modify', (request, response) => this.#onOffer(request, response));
    if (remoteSdp !== null) this.#takeAnswer(remoteSdp, 'sendrecv');
  }

  hold(): Promise<void> {
    this.#held = true;
    return this.#modify('sendonly');
  }

  resume(): Promise<void> {
    this.#held = false;
    return this.#modify('sendrecv');
  }

  /** Idempotent. */
  hangup(): void {
    if (this.#state === 'ended') return;
    this.finish('hung up');
    this.#bye();
  }

  /** Ends it without telling the other side. Idempotent. */
  finish(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#audio?.close();
    this.#media.ear.clear();
    this.#end(reason);
  }

  #hear(frame: Int16Array): void {
    if (this.#state === 'ended') return;
    this.#media.ear.push(frame, performance.now());
    if (this.#recording.length < MAX_RECORDING) this.#recording.push(frame);
  }

  #direct(remote: RemoteMedia, direction: Direction): void {
    // On hold a desk phone sends silence or nothing; a robot sends nothing.
    this.#audio?.direct(remote, (direction === 'sendrecv' || direction === 'sendonly') && !this.#held);
  }

  #takeAnswer(sdp: string, offered: Direction): void {
    const remote = readSdp(sdp, this.#media.codecs);
    if (remote === null) return;
    const takes = remote.direction === 'sendrecv' || remote.direction === 'recvonly';
    this.#direct(remote, takes ? offered : 'inactive');
  }

  #onOffer(request: SrfRequest, response: SrfResponse): void {
    const offer = request.body ?? '';
    const sdp = offer === '' ? this.offer() : this.answerTo(offer);
    if (sdp === null) response.send(488);
    else response.send(200, { headers: { 'Content-Type': 'application/sdp' }, body: sdp });
  }

  #modify(direction: Direction): Promise<void> {
    return new Promise((resolve, reject) => {
      const dialog = this.#dialog;
      if (dialog === null || this.#state !== 'up') {
        reject(new Error('the call is not up'));
        return;
      }
      const options = {
        method: 'INVITE',
        stackDialogId: dialog.id,
        headers: { 'Content-Type': 'application/sdp' },
        body: this.offer(direction),
      };
      this.#media.srf.request('sip:placeholder', options, (error, request) => {
        if (request === undefined) {
          reject(new Error(errorText(error)));
          return;
        }
        request.on('response', (response, acknowledge) => {
          if (response.status < 200) return;
          if (response.status !== 200) {
            reject(new Error(`${response.status} ${response.reason}`));
            return;
          }
          acknowledge();
          this.#takeAnswer(response.body ?? '', direction);
          resolve();
        });
      });
    });
  }

  #bye(): void {
    try {
      this.#dialog?.destroy({}, () => undefined);
    } catch {
      // The connection to the SIP server has gone, and with it the dialog.
    }
  }
}
