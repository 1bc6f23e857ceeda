/** Who may send to a leg. Pure. */

export interface Address {
  readonly address: string;
  readonly port: number;
}

/**
 * Packets pass from the address and port in the peer's description. Only where that address is not the one that the peer's
 * signalling comes from (NAT) the first valid packet from the signalling address, or from the described one, decides.
 */
export class Gate {
  readonly #signallingAddress: string | null;
  #described: (Address & { readonly rtcpPort: number }) | null = null;
  #latched: Address | null = null;

  constructor(signallingAddress: string | null) {
    this.#signallingAddress = signallingAddress;
  }

  /** The peer's description names this; what was learnt stays where it has not changed. */
  expect(remote: (Address & { readonly rtcpPort: number }) | null): void {
    const same = remote?.address === this.#described?.address && remote?.port === this.#described?.port;
    this.#described = remote;
    if (!same) this.#latched = null;
  }

  /** Where packets are sent to. */
  get target(): Address | null {
    return this.#latched ?? this.#described;
  }

  /** The only one from whom packets may pass, for good or until the next description; null: that is not known yet. */
  get settled(): Address | null {
    return this.#latched ?? (this.#mayLearn() ? null : this.#described);
  }

  get rtcpPort(): number {
    const { target } = this;
    if (target === null) return 0;
    return target === this.#described ? this.#described.rtcpPort : target.port + 1;
  }

  mayPass(address: string, port: number): boolean {
    const described = this.#described;
    if (described === null) return false;
    if (this.#latched !== null) return address === this.#latched.address && port === this.#latched.port;
    return (address === described.address && port === described.port) || this.#mayLatch(address);
  }

  /** A valid packet has passed. True: it has settled who the peer is. */
  passed(address: string, port: number): boolean {
    if (this.#latched !== null || this.#described === null || !this.#mayLearn()) return false;
    const asDescribed = address === this.#described.address && port === this.#described.port;
    this.#latched = asDescribed ? this.#described : { address, port };
    return true;
  }

  #mayLatch(address: string): boolean {
    return address === this.#signallingAddress && this.#mayLearn();
  }

  /** Whether the peer may be behind NAT, so that its first packet decides. */
  #mayLearn(): boolean {
    return this.#signallingAddress !== null && this.#described?.address !== this.#signallingAddress;
  }
}
