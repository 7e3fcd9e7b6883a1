import type { ISocketClient } from '../ports/socket-client.js';

/** An event as a browser's handler gets it. */
export interface ContractEvent {
  readonly event: string;
  readonly payload: unknown;
}

/** A member's browser: signed in, and subscribed to the broadcast channel. */
export interface ContractBrowser {
  /** Its Pusher socket id, for `exceptSocketId`. */
  readonly socketId: string;
  /** Resolves once the subscription has succeeded. */
  subscribe(channel: string): Promise<void>;
  /** Resolves with the next event: relayed to the member or to a channel, or broadcast. Each event is returned once. */
  next(): Promise<ContractEvent>;
  /** Resolves once the provider has ended the connection and the client does not reconnect any more. */
  disconnected(): Promise<void>;
  /** Loses the connection, and makes no other one by itself. Only where the harness has history. */
  loseConnection?(): Promise<void>;
  /**
   * Comes back after {@link loseConnection}, and resolves once it is signed in and subscribed as before. A gap that it is told of is
   * among the events of {@link next}: its name is `gap`, and its payload the reason.
   */
  comeBack?(): Promise<void>;
}

/** A started provider. */
export interface ContractHarness {
  readonly client: ISocketClient;
  /**
   * Opens a browser for a member. The backend admits every member to every channel whose name begins with `presence-`, with
   * the info `{ role: 'guest' }`.
   */
  connect(memberId: string): Promise<ContractBrowser>;
  /** Stops the provider, and releases every handle. */
  stop(): Promise<void>;
}
