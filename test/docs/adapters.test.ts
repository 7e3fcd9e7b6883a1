import { readPage, usePage } from './support/page.js';

const page = usePage('docs/adapters.md');

await page.run('src/adapters/emitter/emitter-socket-client.ts');
await page.run('src/adapters/emitter/emitter.adapter.ts');
// The whole contract suite, over the page's adapter.
await page.run('test/contract/emitter.test.ts');

test('the lines that the page changes are there to be changed', () => {
  const sources = ['src/ports/socket-config.ts', 'src/adapters/index.ts'].map(readPage).join('\n');
  const context = [...page.text.matchAll(/```diff\n([\s\S]*?)```/g)]
    .flatMap(([, diff = '']) => diff.split('\n'))
    .filter((line) => /^[- ]/.test(line))
    .map((line) => line.slice(1));
  expect(context).not.toHaveLength(0);
  for (const line of context) expect(sources).toContain(line);
});
