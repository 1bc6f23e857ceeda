/**
 * The page's side of a test with a browser: voices (a pure tone as microphone, a record at 8 kHz of what is heard) and, on
 * top of them, bare WebRTC peers. Runs in Chromium as it is; phones.js adds SIP.
 */
/* global window, document, performance, RTCPeerConnection, MediaStream, AudioContext, AudioWorkletNode, Blob, URL, btoa */

const RECORDER = `registerProcessor('recorder', class extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(input[0].slice());
    return true;
  }
});`;

const BATCH = 800; // samples, 100 ms

function base64(samples) {
  let text = '';
  for (const byte of new Uint8Array(Int16Array.from(samples, (sample) => Math.round(sample * 32767)).buffer)) {
    text += String.fromCharCode(byte);
  }
  return btoa(text);
}

class Voice {
  /** `onAudio(endedAt, base64)`: a tenth of a second of what is heard, 16 bit; `endedAt` in ms since 1970. */
  constructor(hz, onAudio) {
    this.audio = new AudioContext({ sampleRate: 8000, latencyHint: 'playback' });
    this.onAudio = onAudio;
    this.batch = [];
    const tone = this.audio.createOscillator();
    const volume = this.audio.createGain();
    volume.gain.value = 6000 / 32768;
    tone.frequency.value = hz;
    const microphone = this.audio.createMediaStreamDestination();
    tone.connect(volume).connect(microphone);
    tone.start();
    this.stream = microphone.stream;
    this.track = microphone.stream.getAudioTracks()[0];
  }

  /** Listens to what a connection receives. */
  listenTo(connection) {
    connection.addEventListener('track', ({ track }) => void this.record(track));
    for (const { track } of connection.getReceivers()) if (track) void this.record(track);
  }

  async record(track) {
    if (this.listened === track) return; // Told again after a hold.
    this.listened = track;
    const stream = new MediaStream([track]);
    const pump = document.createElement('audio'); // Without one Chromium does not pull the remote audio.
    pump.muted = true;
    pump.srcObject = stream;
    void pump.play();
    this.ready ??= this.audio.audioWorklet.addModule(
      URL.createObjectURL(new Blob([RECORDER], { type: 'text/javascript' })),
    );
    await this.ready;
    this.source?.disconnect(); // of the call before
    if (this.recorder) this.recorder.port.onmessage = null;
    this.recorder = new AudioWorkletNode(this.audio, 'recorder');
    this.recorder.port.onmessage = ({ data }) => {
      this.batch.push(...data);
      if (this.batch.length < BATCH) return;
      this.onAudio(performance.timeOrigin + performance.now(), base64(this.batch.splice(0)));
    };
    this.source = this.audio.createMediaStreamSource(stream);
    this.source.connect(this.recorder).connect(this.audio.destination);
    await this.audio.resume();
  }

  close() {
    return this.audio.close();
  }
}

/** A WebRTC peer without signalling. */
class Peer {
  constructor(hz, onAudio) {
    this.voice = new Voice(hz, onAudio);
    this.connection = new RTCPeerConnection({ iceServers: [] });
    this.voice.listenTo(this.connection);
  }

  async gathered() {
    while (this.connection.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return this.connection.localDescription.sdp;
  }

  /** With ICE gathered; codecs: the MIME types to offer, all by default. */
  async offer(codecs, iceRestart = false) {
    if (this.connection.getSenders().length === 0) {
      this.connection.addTransceiver(this.voice.track, { direction: 'sendrecv' });
    }
    if (codecs) {
      const known = window.RTCRtpSender.getCapabilities('audio').codecs;
      this.connection.getTransceivers()[0].setCodecPreferences(known.filter((each) => codecs.includes(each.mimeType)));
    }
    await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart }));
    return this.gathered();
  }

  accept(sdp) {
    return this.connection.setRemoteDescription({ type: 'answer', sdp });
  }

  async answer(sdp) {
    await this.connection.setRemoteDescription({ type: 'offer', sdp });
    if (this.connection.getSenders().every((sender) => sender.track === null)) {
      this.connection.addTrack(this.voice.track);
    }
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    return this.gathered();
  }

  direction(value) {
    this.connection.getTransceivers()[0].direction = value;
  }

  press(digit) {
    this.connection.getSenders()[0].dtmf.insertDTMF(digit, 100);
  }

  state() {
    return this.connection.connectionState;
  }

  close() {
    this.connection.close();
    return this.voice.close();
  }
}

const opened = [];
/** Parties by number: what tests call. `window.heard` and `window.happened` are theirs. */
window.parties = {
  Voice,
  add: (make) =>
    opened.push(
      make(
        (
          (index) => (at, audio) =>
            void window.heard(index, at, audio)
        )(opened.length),
        (
          (index) => (event, detail) =>
            void window.happened(index, event, detail)
        )(opened.length),
      ),
    ) - 1,
  openPeer: (hz) => window.parties.add((onAudio) => new Peer(hz, onAudio)),
  call: (index, method, ...args) => opened[index][method](...args),
};
