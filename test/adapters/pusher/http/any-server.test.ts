import fc from 'fast-check';
import { SocketDeliveryError } from '../../../../src/ports/errors.js';
import type { ISocketClient } from '../../../../src/ports/socket-client.js';
import { type Answer, HttpApi, type Received, startClient } from '../support.js';

const MEMBERS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11'];

/** How a server treats one request. */
interface Behaviour {
  /** How many turns of the loop it takes. */
  readonly delay: number;
  readonly fails: 0 | 500 | 429;
}

interface Step {
  readonly kind: 'relay' | 'relay to some' | 'disconnect' | 'next turn';
  readonly to: readonly number[];
  /** Few, so that some are the same event. */
  readonly event: number;
  /** An event the server refuses, wherever it comes. */
  readonly isBad: boolean;
}

/** The behaviour of a server. */
interface Kind {
  /** How it treats its first request, its second, and so on, and then again from the beginning. */
  readonly behaviours: readonly Behaviour[];
  readonly takesBatches: boolean;
  readonly takesSeveralMembers: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('relay', 'relay', 'relay', 'relay to some', 'disconnect', 'next turn'),
  to: fc.uniqueArray(fc.nat(MEMBERS.length - 1), { minLength: 1, maxLength: MEMBERS.length }),
  event: fc.nat(3),
  isBad: fc.nat(11).map((number) => number === 0),
});
const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  delay: fc.nat(4),
  fails: fc.constantFrom(0, 0, 0, 0, 0, 500, 429),
});
const kind: fc.Arbitrary<Kind> = fc.record({
  behaviours: fc.array(behaviour, { minLength: 1, maxLength: 30 }),
  takesBatches: fc.boolean(),
  takesSeveralMembers: fc.boolean(),
});

/** A request to a server for one member: a call's number, or the end of its connections. */
type Asked = string;
interface Taken {
  readonly member: string;
  readonly asked: Asked;
}

/** A server that does as it was told, and remembers what it took, in order. */
class AnyServer {
  readonly taken: Taken[] = [];
  #requests = 0;

  constructor(private readonly kind: Kind) {}

  async answer(request: Received): Promise<Answer | undefined> {
    const { behaviours, takesBatches, takesSeveralMembers } = this.kind;
    const { delay, fails } = behaviours[this.#requests++ % behaviours.length] ?? { delay: 0, fails: 0 };
    for (let turns = 0; turns < delay; turns++) await new Promise((resolve) => setImmediate(resolve));
    const isBatch = request.path.endsWith('/batch_events');
    if (isBatch && !takesBatches) return { status: 404 };
    if (request.channels.length > 1 && !takesSeveralMembers) return { status: 400 };
    if (fails !== 0) return { status: fails };
    if (request.events.some(({ name }) => String(name).startsWith('bad'))) return { status: 400 };
    this.taken.push(...takenBy(request));
    return undefined;
  }
}

function takenBy({ path, events }: Received): Taken[] {
  const ended = /users\/(\d+)\/terminate_connections$/.exec(path)?.[1];
  if (ended !== undefined) return [{ member: ended, asked: 'the end' }];
  return events.map(({ name, channel }) => ({
    member: String(channel).replace('#server-to-user-', ''),
    asked: String(name),
  }));
}

/** Makes the calls, and says what each of them asked for whom and who was missed. */
async function run(client: ISocketClient, steps: readonly Step[]) {
  const calls: Promise<{ asked: Asked; members: string[]; lost: readonly string[] }>[] = [];
  for (const { kind, to, event, isBad } of steps) {
    if (kind === 'next turn') {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    const all = to.map(String);
    const members = kind === 'relay to some' ? all : all.slice(0, 1);
    const asked = kind === 'disconnect' ? 'the end' : `${isBad ? 'bad' : 'good'}-${String(event)}`;
    const [first = ''] = members;
    const dispatch =
      kind === 'relay to some'
        ? client.relayToMembers(members, asked)
        : kind === 'relay'
          ? client.relayToMember(first, asked)
          : client.disconnectMember(first);
    calls.push(
      dispatch.then(
        () => ({ asked, members, lost: [] }),
        (error: unknown) => {
          if (!(error instanceof SocketDeliveryError)) throw error;
          return { asked, members, lost: error.lost };
        },
      ),
    );
  }
  return Promise.all(calls);
}

describe.each([true, false])('a server of any behaviour, with batching %s', (batching) => {
  test('takes what a member was told in the order of the calls, and exactly what the calls say it took', async () => {
    let current: AnyServer | undefined;
    const api = await HttpApi.start((request) => current?.answer(request));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), kind, async (steps, theKind) => {
        const { client } = await startClient(api.port, { batching });
        const { taken } = (current = new AnyServer(theKind));

        const outcomes = await run(client, steps);
        await client.close();

        for (const member of MEMBERS) {
          const arrived = outcomes
            .filter(({ members, lost }) => members.includes(member) && !lost.includes(member))
            .map(({ asked }) => asked);
          const heard = taken.filter((one) => one.member === member).map(({ asked }) => asked);
          expect(heard).toEqual(arrived);
        }
      }),
      { numRuns: 60 },
    );
  });
});
