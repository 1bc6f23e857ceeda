/** Whether this page may use a microphone, asked once when the softphone is turned on. */

export type MicrophoneFault = 'denied' | 'missing' | 'unsupported' | 'insecure';

/** null: there is one, and it may be used. Asks the person where the browser does not know yet. */
export async function microphoneFault(): Promise<MicrophoneFault | null> {
  if (!window.isSecureContext) return 'insecure';
  const { mediaDevices } = navigator as { mediaDevices?: MediaDevices };
  if (mediaDevices === undefined || typeof RTCPeerConnection === 'undefined') return 'unsupported';
  try {
    const stream = await mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
    return null;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'missing' : 'denied';
  }
}
