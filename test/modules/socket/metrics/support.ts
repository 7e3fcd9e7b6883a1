import { Registry } from 'prom-client';

/** Reads values out of a real registry, by the line that Prometheus would read. */
export class Scrape {
  readonly registry = new Registry();

  /** The value of `name{labels}`, labels in the order of the line; `undefined` where there is none. */
  async value(series: string): Promise<number | undefined> {
    const text = await this.registry.metrics();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** Waits until a series has a value, turn by turn: what brings that about is under way. */
  async until(series: string, value: number): Promise<void> {
    while ((await this.value(series)) !== value) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The names of the metrics that are registered, with their types. */
  async names(): Promise<ReadonlyMap<string, string>> {
    const text = await this.registry.metrics();
    return new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
    );
  }
}
