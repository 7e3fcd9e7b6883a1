import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Server, type Socket } from 'socket.io';
import { type WebSocket, WebSocketServer } from 'ws';
import { EventQueue } from '../../support/event-queue.js';
import { onTeardown } from '../../support/teardown.js';

/** The channel of the member who is on every page. */
export const OWN = '#server-to-user-ada';

/** An event of a log. */
interface Logged {
  readonly offset: number;
  readonly event: string;
  /** JSON text. */
  readonly data: string | undefined;
  readonly exceptSocketId: string | undefined;
}

/** The log of one channel. */
class Log {
  events: Logged[] = [];
  offset = 0;

  constructor(public epoch: string) {}

  get position(): string {
    return `${this.epoch}.${String(this.offset)}`;
  }
}

/** A request for missed events, which waits for its answer where the test says so. */
export interface Question {
  readonly form: Record<string, string>;
  /** Answers it as the log is now; or otherwise. */
  answer(status?: number, body?: object): void;
}

/** A connection of a page. */
interface Line {
  readonly id: string;
  readonly channels: Set<string>;
  /** @param data JSON text */
  send(event: string, channel: string | undefined, data: string | undefined): void;
  /** Ends it; the page connects again. */
  cut(): void;
}

type Transports = ('polling' | 'websocket')[];

/** How an event is published. */
interface Publishing {
  readonly exceptSocketId?: string;
  /** Whether the event is lost on its way to the gateway. @default false */
  readonly isLost?: boolean;
}

/**
 * A backend with a gateway for `pusher-js` or for `socket.io-client`, which does what a test says. All its channels have a history.
 * Everything is told as it is on the wire.
 */
export class ScriptedBackend {
  /** The questions that wait, while they are held. */
  readonly questions = new EventQueue<Question>();
  /** The positions that were asked from. */
  readonly askedFrom: string[] = [];
  /** The forms of all questions. */
  readonly forms: Record<string, string>[] = [];
  /** Whether questions wait for the test. */
  holdsQuestions = false;
  /** The channels that nobody is admitted to. */
  readonly refused = new Set<string>();
  /** The most events of one answer. */
  pageEvents = 100;
  /** What is written into the frame of an event instead of its data: as a provider with envelopes has it. */
  envelope: ((position: string, data: string | undefined) => string | undefined) | undefined;
  /** The channels of which `/socket/config` says that their events have envelopes. */
  enveloped: string[] | undefined;
  /** The shared secret of encrypted channels. */
  sharedSecret: string | undefined;
  readonly #logs = new Map<string, Log>();
  readonly #lines = new Set<Line>();
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #transports: Transports | undefined;
  readonly #server = createServer();
  #ids = 0;
  #epochs = 0;

  private constructor(transports: Transports | undefined) {
    this.#transports = transports;
  }

  /** @param transports those of a gateway for `socket.io-client`; without them it is one for `pusher-js` */
  static async start(transports?: Transports): Promise<ScriptedBackend> {
    const backend = new ScriptedBackend(transports);
    await backend.#listen();
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.#port)}`;
  }

  /** The position of a channel now. */
  positionOf(channel: string): string {
    return this.#logOf(channel).position;
  }

  /** The id of the connection that there is. */
  get socketId(): string {
    return [...this.#lines].map(({ id }) => id).join();
  }

  publish(channel: string, event: string, data?: unknown, { exceptSocketId, isLost }: Publishing = {}): void {
    const log = this.#logOf(channel);
    const follows = log.position;
    const json = JSON.stringify(data) as string | undefined;
    log.events.push({ offset: ++log.offset, event, data: json, exceptSocketId });
    const { position } = log;
    for (const line of this.#on(channel)) {
      const isLeftOut = line.id === exceptSocketId;
      if (this.envelope !== undefined) {
        if (!isLeftOut && isLost !== true) line.send(event, channel, this.envelope(position, json));
      } else if (isLost === true) this.#sendLive(line, channel);
      else if (isLeftOut) line.send('pusher_internal:live', channel, JSON.stringify({ position, follows }));
      else line.send(event, channel, json);
    }
  }

  /** Sends a frame as it is. */
  frame(channel: string, event: string, data: object): void {
    for (const line of this.#on(channel)) line.send(event, channel, JSON.stringify(data));
  }

  /** The log is lost, and begins anew. @param tells whether the gateway says so at once */
  restart(channel: string, tells = true): void {
    this.#logs.delete(channel);
    if (tells) for (const line of this.#on(channel)) this.#sendLive(line, channel);
  }

  /** Only the latest events of a log are left. */
  trim(channel: string, left: number): void {
    const log = this.#logOf(channel);
    log.events = left === 0 ? [] : log.events.slice(-left);
  }

  /** Ends every connection, with the code after which `pusher-js` connects again at once. */
  cut(): void {
    for (const line of this.#lines) line.cut();
    this.#lines.clear();
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #listen(): Promise<void> {
    if (this.#transports === undefined)
      this.#server.on('upgrade', (request, socket, head) => {
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
          this.#accept(webSocket);
        });
      });
    else {
      const io = new Server(this.#server, { transports: this.#transports });
      io.on('connection', (socket) => {
        this.#acceptSocketIo(socket);
      });
      onTeardown(() => io.close());
    }
    this.#server.on('request', (request, response) => {
      if (request.url?.startsWith('/socket.io/') !== true) void this.#answer(request, response);
    });
    this.#server.listen(0, '127.0.0.1');
    onTeardown(async () => {
      this.cut();
      if (!this.#server.listening) return;
      this.#server.closeAllConnections();
      this.#server.close();
      await once(this.#server, 'close');
    });
    await once(this.#server, 'listening');
  }

  #accept(socket: WebSocket): void {
    const line: Line = {
      id: `1.${String(++this.#ids)}`,
      channels: new Set(),
      send: (event, channel, data) => {
        socket.send(JSON.stringify({ event, channel, data }));
      },
      cut: () => {
        // `pusher-js` connects again at once after this code.
        socket.close(4200);
      },
    };
    this.#lines.add(line);
    socket.on('close', () => this.#lines.delete(line));
    socket.on('message', (frame: Buffer) => {
      const { event, data } = JSON.parse(frame.toString()) as {
        event: string;
        data: { channel?: string; user_data?: string };
      };
      if (event === 'pusher:subscribe' && data.channel !== undefined) this.#subscribe(line, data.channel);
      if (event === 'pusher:unsubscribe') line.channels.delete(String(data.channel));
      if (event === 'pusher:signin') this.#signIn(line);
    });
    this.#establish(line);
  }

  #acceptSocketIo(socket: Socket): void {
    const line: Line = {
      id: `1.${String(++this.#ids)}`,
      channels: new Set(),
      send: (name, channel, data) => {
        const event = name.replace('pusher_internal:', 'pusher:');
        const payload: unknown = data === undefined ? undefined : JSON.parse(data);
        if (channel === undefined || channel === OWN) socket.emit(event, payload);
        else socket.emit(event, payload, channel);
      },
      cut: () => {
        socket.conn.close();
      },
    };
    this.#lines.add(line);
    socket.on('disconnect', () => this.#lines.delete(line));
    socket.on('subscribe', (channel: string, answer: (reply: object) => void) => {
      if (this.refused.has(channel)) {
        answer({ ok: false, code: 'Forbidden', message: 'Not admitted' });
        return;
      }
      this.#subscribe(line, channel);
      answer({ ok: true });
    });
    socket.on('unsubscribe', (channel: string) => line.channels.delete(channel));
    this.#establish(line);
    this.#signIn(line);
    this.#subscribe(line, 'broadcast');
  }

  #establish(line: Line): void {
    const established = JSON.stringify({ socket_id: line.id, activity_timeout: 120 });
    line.send('pusher:connection_established', undefined, established);
  }

  #signIn(line: Line): void {
    line.send('pusher:signin_success', undefined, JSON.stringify({ user_data: '{"id":"ada"}' }));
    this.#join(line, OWN);
  }

  #subscribe(line: Line, channel: string): void {
    const presence = { presence: { count: 1, ids: ['ada'], hash: { ada: {} } } };
    const data = channel.startsWith('presence-') ? JSON.stringify(presence) : '{}';
    line.send('pusher_internal:subscription_succeeded', channel, data);
    const last = this.#logOf(channel).events.slice(-1)[0];
    if (channel.startsWith('cache-') && last !== undefined) line.send(last.event, channel, last.data);
    this.#join(line, channel);
  }

  #join(line: Line, channel: string): void {
    line.channels.add(channel);
    this.#sendLive(line, channel);
  }

  #sendLive(line: Line, channel: string): void {
    if (this.envelope !== undefined) return;
    line.send('pusher_internal:live', channel, JSON.stringify({ position: this.positionOf(channel) }));
  }

  #on(channel: string): Line[] {
    return [...this.#lines].filter(({ channels }) => channels.has(channel));
  }

  #logOf(channel: string): Log {
    const log = this.#logs.get(channel) ?? new Log(`e${String(++this.#epochs)}`);
    this.#logs.set(channel, log);
    return log;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    const reply = (status: number, body: object) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    };
    const channel = form['channel_name'] ?? '';
    if (request.url === '/socket/config') reply(200, this.#config());
    else if (request.url === '/socket/user-auth') reply(200, { auth: 'k:s', user_data: '{"id":"ada"}' });
    else if (this.refused.has(channel)) reply(403, { message: 'Not admitted' });
    else if (request.url === '/socket/auth')
      reply(200, {
        auth: 'k:s',
        ...(channel.startsWith('presence-') && { channel_data: '{"user_id":"ada"}' }),
        ...(this.sharedSecret !== undefined && { shared_secret: this.sharedSecret }),
      });
    else {
      this.forms.push(form);
      this.askedFrom.push(String(form['position']));
      const question: Question = {
        form,
        answer: (status = 200, body = this.#part(form)) => {
          reply(status, body);
        },
      };
      if (this.holdsQuestions) this.questions.push(question);
      else question.answer();
    }
  }

  #config(): object {
    const history = this.enveloped && { channels: this.enveloped };
    const common = { key: 'k', broadcastChannel: 'broadcast', history };
    if (this.#transports !== undefined) {
      const options = { url: this.url, path: '/socket.io/', transports: this.#transports };
      return { provider: 'socket-io', options, ...common };
    }
    const options = {
      cluster: '',
      wsHost: '127.0.0.1',
      wsPort: this.#port,
      forceTLS: false,
      enabledTransports: ['ws'],
      disableStats: true,
      channelAuthorization: { transport: 'ajax', endpoint: '/socket/auth' },
      userAuthentication: { transport: 'ajax', endpoint: '/socket/user-auth' },
    };
    return { provider: 'ws', options, ...common };
  }

  #part({ channel_name: channel = '', position = '', socket_id: ids = '' }: Record<string, string>): object {
    const log = this.#logOf(channel);
    if (position === 'live') return { events: [], position: log.position, complete: true };
    const [epoch, offset = ''] = position.split('.');
    const missed = log.events.filter((event) => event.offset > Number(offset));
    if (epoch !== log.epoch || Number(offset) > log.offset)
      return { gap: 'restarted', position: log.position };
    if (missed.length < log.offset - Number(offset)) return { gap: 'trimmed', position: log.position };
    const part = missed.slice(0, this.pageEvents);
    const socketIds = ids.split(',');
    return {
      events: part
        .filter(({ exceptSocketId = '' }) => !socketIds.includes(exceptSocketId))
        .map(({ offset: at, event, data }) => ({ position: `${log.epoch}.${String(at)}`, event, data })),
      position: `${log.epoch}.${String(part[part.length - 1]?.offset ?? log.offset)}`,
      complete: part.length === missed.length,
    };
  }
}
