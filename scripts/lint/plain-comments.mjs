/** A sentence of a comment that begins with a question word: at the start, after another sentence, or after an empty line. */
const RIDDLE = /(?:^|[.!?]\s+|\n\s*\n\s*)(Who|What|Whom|Whose|Whoever|Whatever)\b/gu;

/**
 * An ESLint rule: a sentence of a comment names its subject. "What is sent is a frame" has to be read twice, above all by a
 * reader whose second language is English; "A frame is sent" does not.
 *
 * @type {import('eslint').Rule.RuleModule}
 */
export const plainComments = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: { riddle: 'Name the subject: a sentence of a comment does not begin with "{{word}}".' },
  },
  create(context) {
    return {
      Program() {
        for (const { value, loc } of context.sourceCode.getAllComments()) {
          const text = value.replace(/^\s*\*+ ?/gmu, '').trim();
          for (const [, word] of text.matchAll(RIDDLE)) {
            if (loc) context.report({ loc, messageId: 'riddle', data: { word } });
          }
        }
      },
    };
  },
};
