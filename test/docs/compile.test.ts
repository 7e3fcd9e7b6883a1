import { problemsOf } from './support/compile.js';
import { extract, PAGES } from './support/page.js';

test.each(PAGES)(
  'every TypeScript block of %s compiles, strictly',
  (name) => {
    const page = extract(name);
    try {
      expect(problemsOf(page)).toEqual([]);
    } finally {
      page.remove();
    }
  },
  120_000,
);
