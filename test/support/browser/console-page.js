/**
 * Put into the console's page before its own scripts: what the browser receives of a call is handed to the test, and the
 * microphone is taken as it comes, as echo cancelling and noise reduction would remove a tone.
 */
/* global window, navigator, AudioContext, MediaStream, RTCPeerConnection, btoa */
{
  const { mediaDevices } = navigator;
  if (mediaDevices) {
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    mediaDevices.getUserMedia = () => ask({ audio: raw });
  }

  const Original = RTCPeerConnection;
  const record = (track) => {
    const audio = new AudioContext({ sampleRate: 8000 });
    const source = audio.createMediaStreamSource(new MediaStream([track]));
    // A worklet would be a script from elsewhere, which the page's policy does not allow.
    const tap = audio.createScriptProcessor(512, 1, 1);
    tap.onaudioprocess = ({ inputBuffer }) => {
      const samples = Int16Array.from(inputBuffer.getChannelData(0), (value) => Math.round(value * 32767));
      let text = '';
      for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
      void window.earshotHeard(btoa(text));
    };
    source.connect(tap).connect(audio.destination);
    track.addEventListener('ended', () => void audio.close());
    void audio.resume();
  };
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      this.addEventListener('track', ({ track }) => record(track));
    }
  };
}
