/**
 * SIP softphones in the page, by JsSIP and by SIP.js, both as their authors publish them: signalling over WebSocket
 * (RFC 7118), a tone as microphone. One call at a time.
 */
/* global window */
import JsSIP from '/jssip.js';
import { Inviter, Registerer, SessionState, UserAgent, Web } from '/node_modules/sip.js/lib/index.js';

class JsSipPhone {
  constructor({ server, uri, password, hz, answersByItself }, onAudio, onEvent) {
    this.voice = new window.parties.Voice(hz, onAudio);
    this.onEvent = onEvent;
    this.session = null;
    this.ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(server)], uri, password, register: true });
    for (const event of ['registered', 'registrationFailed', 'unregistered', 'disconnected']) {
      this.ua.on(event, ({ cause } = {}) => onEvent(event, cause));
    }
    this.ua.on('newRTCSession', ({ session, originator, request }) => {
      this.session = session;
      if (session.connection) this.voice.listenTo(session.connection);
      session.on('peerconnection', ({ peerconnection }) => this.voice.listenTo(peerconnection));
      for (const event of ['progress', 'accepted', 'confirmed', 'hold', 'unhold']) {
        session.on(event, (detail) => onEvent(event, detail?.originator));
      }
      session.on('newDTMF', ({ originator: from, dtmf }) => onEvent('dtmf', `${from} ${dtmf.tone}`));
      for (const event of ['ended', 'failed']) session.on(event, ({ cause }) => onEvent(event, cause));
      if (originator !== 'remote') return;
      onEvent('incoming', request.from.uri.user);
      if (answersByItself) this.answer();
    });
    this.ua.start();
  }

  get media() {
    return { mediaStream: this.voice.stream, pcConfig: { iceServers: [] } };
  }

  dial(target) {
    this.ua.call(target, this.media);
  }

  answer() {
    this.session.answer(this.media);
  }

  hangup() {
    this.session.terminate();
  }

  hold() {
    return this.session.hold();
  }

  unhold() {
    return this.session.unhold();
  }

  press(digit, transport) {
    this.session.sendDTMF(digit, { transportType: transport });
  }

  refer(target) {
    this.session.refer(target);
  }

  state() {
    return this.session.connection.connectionState;
  }

  async close() {
    this.ua.stop();
    await this.voice.close();
  }
}

class SipJsPhone {
  constructor({ server, uri, user, password, hz, answersByItself }, onAudio, onEvent) {
    this.voice = new window.parties.Voice(hz, onAudio);
    this.onEvent = onEvent;
    this.session = null;
    this.answersByItself = answersByItself;
    this.agent = new UserAgent({
      uri: UserAgent.makeURI(uri),
      transportOptions: { server },
      authorizationUsername: user,
      authorizationPassword: password,
      logLevel: 'error',
      sessionDescriptionHandlerFactory: Web.defaultSessionDescriptionHandlerFactory(() =>
        Promise.resolve(this.voice.stream),
      ),
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (invitation) => {
          this.adopt(invitation);
          onEvent('incoming', invitation.remoteIdentity.uri.user);
          if (this.answersByItself) void this.answer();
        },
      },
    });
    this.registerer = new Registerer(this.agent);
    this.registerer.stateChange.addListener((state) => onEvent(state.toLowerCase()));
    void this.agent.start().then(() => this.registerer.register());
  }

  adopt(session) {
    this.session = session;
    session.delegate = {
      onSessionDescriptionHandler: (handler) => this.voice.listenTo(handler.peerConnection),
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.onEvent('confirmed');
      if (state === SessionState.Terminated) this.onEvent('ended');
    });
  }

  async dial(target) {
    const inviter = new Inviter(this.agent, UserAgent.makeURI(target));
    this.adopt(inviter);
    await inviter.invite();
  }

  answer() {
    return this.session.accept();
  }

  hangup() {
    return this.session.bye();
  }

  state() {
    return this.session.sessionDescriptionHandler.peerConnection.connectionState;
  }

  async close() {
    await this.agent.stop();
    await this.voice.close();
  }
}

const KINDS = { jssip: JsSipPhone, sipjs: SipJsPhone };
window.parties.openPhone = (kind, options) =>
  window.parties.add((onAudio, onEvent) => new KINDS[kind](options, onAudio, onEvent));
