/** Short spoken answers to a phone that has dialled a feature code (R-START-9). */
import { fileURLToPath } from 'node:url';
import type { Bridge } from '../../media/engine.ts';
import type { ErrorCode } from '../call/errors.ts';
import type { House } from './house.ts';
import { detached, errorText } from './log.ts';
import type { Dialog, IncomingCall } from './ports.ts';

export type PromptName = 'refused' | 'busy' | 'nocall' | 'forbidden' | 'unavailable' | 'available' | 'away' | 'offline';

/** The status and the words for a refusal. What is not named here is 480, "not possible now". */
const REFUSED: Readonly<Partial<Record<ErrorCode, readonly [status: number, prompt: PromptName]>>> = {
  forbidden: [403, 'forbidden'],
  not_found: [404, 'nocall'],
  call_not_monitorable: [480, 'nocall'],
  agent_supervised: [486, 'busy'],
  supervisor_busy: [486, 'refused'],
  not_available: [480, 'unavailable'],
};

export function spokenRefusal(code: ErrorCode): readonly [status: number, prompt: PromptName] {
  return REFUSED[code] ?? [480, 'refused'];
}

export function promptPath(name: PromptName): string {
  return fileURLToPath(new URL(`prompts/${name}.wav`, import.meta.url));
}

/**
 * Plays a prompt to a phone that is calling. With a `status` it is played before the answer (183) and the call is then
 * refused with it; without one the call is answered and hung up. Never rejects; nothing is left behind.
 */
export async function speak(
  house: House,
  incoming: IncomingCall,
  name: PromptName,
  refusal: { readonly status: number; readonly reason: string } | null,
): Promise<void> {
  const cancelled = Promise.withResolvers<undefined>();
  incoming.onCancel(() => cancelled.resolve(undefined));
  let bridge: Bridge | null = null;
  let dialog: Dialog | null = null;
  try {
    const id = `prompt-${house.newId()}`;
    bridge = await house.media.createBridge(id, {
      onDtmf: () => undefined,
      onSilence: () => undefined,
      onLevels: () => undefined,
      onLost: () => cancelled.resolve(undefined),
    });
    const endpoint = await bridge.createEndpoint({
      id: 'phone',
      ...(incoming.offer === null ? {} : { offer: incoming.offer }),
      signallingAddress: incoming.remoteAddress,
    });
    if (refusal === null) {
      dialog = await incoming.answer(endpoint.localSdp);
      dialog.bind(unattended(() => cancelled.resolve(undefined)));
      if (incoming.offer === null) await endpoint.accept(dialog.remoteSdp);
    } else if (incoming.offer !== null) {
      incoming.progress(183, endpoint.localSdp);
    }
    const playback = endpoint.play({ kind: 'file', path: promptPath(name) });
    await Promise.race([playback.done, cancelled.promise]);
    playback.stop();
  } catch (error) {
    house.log('info', `prompt ${name}: ${errorText(error)}`);
  } finally {
    if (dialog === null) incoming.reject(refusal?.status ?? 480, refusal?.reason ?? 'Unavailable');
    else detached(house.log, 'hang up', dialog.hangup());
    if (bridge !== null) detached(house.log, 'close bridge', bridge.close());
  }
}

/** A dialog that only listens to a prompt: nothing of it can be changed. */
function unattended(gone: () => void): Parameters<Dialog['bind']>[0] {
  const no = (): Promise<never> => Promise.reject(new Error('not in a prompt'));
  return { onBye: gone, onOffer: no, onOfferRequest: no, onAnswer: no, onDtmf: () => undefined, onRefer: no };
}
