import { setImmediate as nextTurn } from 'node:timers/promises';

/** How many fields are written in one turn of the event loop. */
const FIELDS_PER_TURN = 500;

/** JSON text in parts: an answer that may be long. */
export class JsonParts {
  private constructor(readonly parts: readonly Buffer[]) {}

  /** The length of the text in bytes. */
  get bytes(): number {
    return this.parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Writes `{ [name]: { … } }`, a part in each turn of the event loop. */
  static async ofObject<T>(
    name: string,
    items: readonly T[],
    fieldOf: (item: T) => readonly [string, object],
  ): Promise<JsonParts> {
    const parts = [Buffer.from(`{${JSON.stringify(name)}:{`)];
    for (let start = 0; start < items.length; start += FIELDS_PER_TURN) {
      if (start > 0) await nextTurn();
      const fields = items.slice(start, start + FIELDS_PER_TURN).map((item) => {
        const [field, value] = fieldOf(item);
        return `${JSON.stringify(field)}:${JSON.stringify(value)}`;
      });
      parts.push(Buffer.from((start > 0 ? ',' : '') + fields.join(',')));
    }
    return new JsonParts([...parts, Buffer.from('}}')]);
  }
}
