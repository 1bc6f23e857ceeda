/**
 * The page's side of a test with a browser: a WebRTC peer whose microphone is a pure tone and which records what it is
 * sent, at 8 kHz. Runs in Chromium as it is.
 */
/* global window, document, RTCPeerConnection, AudioContext, AudioWorkletNode, Blob, URL, btoa */

const RECORDER = `registerProcessor('recorder', class extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(input[0].slice());
    return true;
  }
});`;

class Peer {
  constructor(hz) {
    this.audio = new AudioContext({ sampleRate: 8000 });
    this.connection = new RTCPeerConnection({ iceServers: [] });
    this.blocks = [];
    const tone = this.audio.createOscillator();
    const volume = this.audio.createGain();
    volume.gain.value = 6000 / 32768;
    tone.frequency.value = hz;
    const microphone = this.audio.createMediaStreamDestination();
    tone.connect(volume).connect(microphone);
    tone.start();
    this.track = microphone.stream.getAudioTracks()[0];
    this.connection.addEventListener('track', ({ track }) => void this.record(track));
  }

  async record(track) {
    if (this.listened === track) return; // Told again after a hold.
    this.listened = track;
    const stream = new window.MediaStream([track]);
    const pump = document.createElement('audio'); // Without one Chromium does not pull the remote audio.
    pump.muted = true;
    pump.srcObject = stream;
    void pump.play();
    await this.audio.audioWorklet.addModule(URL.createObjectURL(new Blob([RECORDER], { type: 'text/javascript' })));
    const recorder = new AudioWorkletNode(this.audio, 'recorder');
    recorder.port.onmessage = ({ data }) => this.blocks.push(data);
    this.audio.createMediaStreamSource(stream).connect(recorder).connect(this.audio.destination);
    await this.audio.resume();
  }

  async gathered() {
    while (this.connection.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return this.connection.localDescription.sdp;
  }

  /** With ICE gathered; codecs: the MIME types to offer, all by default. */
  async offer(codecs, iceRestart = false) {
    if (this.connection.getSenders().length === 0) {
      this.connection.addTransceiver(this.track, { direction: 'sendrecv' });
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
      this.connection.addTrack(this.track);
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

  /** What was recorded since the last time, as base64 of 16-bit samples. */
  recorded() {
    const samples = Int16Array.from(
      this.blocks.splice(0).flatMap((block) => [...block].map((sample) => Math.round(sample * 32767))),
    );
    let text = '';
    for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  }
}

const opened = [];
window.peers = {
  open: (hz) => opened.push(new Peer(hz)) - 1,
  call: (index, method, ...args) => opened[index][method](...args),
  close: (index) => {
    opened[index].connection.close();
    return opened[index].audio.close();
  },
};
